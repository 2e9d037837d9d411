# SPDX-License-Identifier: MIT
# Theory: draws what Wirt adds to native over what Xen adds, a bar a test; the goal is a line at one half.
set terminal svg size 900,420 font "sans,12" background rgb "white"
set output out
set title "Instructions that virtualisation adds: Wirt over Xen 4.17 (less is better)"
set style data histograms
set style histogram clustered gap 1
set style fill solid 0.8 border -1
set boxwidth 0.9
set yrange [0:1.1]
set ylabel "ratio"
set grid ytics
set xtics rotate by -35 noenhanced
set datafile missing "-"
set key top right
plot data using 6:xtic(1) every ::1 title "over Xen as shipped" lc rgb "#3b6ea5", \
     data using 7 every ::1 title "over Xen with spec-ctrl=no" lc rgb "#a5b93b", \
     0.5 with lines lw 2 dt 2 lc rgb "#b03030" title "goal"
