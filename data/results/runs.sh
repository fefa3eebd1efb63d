#!/bin/sh
# The trainings that chapters 05 and 06 quote: sh data/results/runs.sh [options of mobilenet sweep].
# With --list it prints a command a run, for a cluster's scheduler; what is done is left alone.
set -e
sweep="${PYTHON:-python3} -m mobilenet_lib.cli sweep --seeds 0 1 2 --plan nchw-fp32 $*"

# Separable, full and shallow (Tables 4 and 5): until they have stopped learning, and in six epochs.
for budget in claims:20 bodies:6; do
    run="$sweep --name ${budget%:*} --epochs ${budget#*:} --resolutions 46 --batch-size 64"
    $run --bodies separable --alphas 0.25 0.375
    $run --bodies full --alphas 0.25 0.09
    $run --bodies shallow --alphas 0.5
done
# The grid of chapter 06, its largest network with a larger budget, and until it reads 93 %.
run="$sweep --batch-size 32 --rate 0.1"
$run --name longest --epochs 20 --alphas 1.0 --resolutions 56 --seeds 0
$run --name longer --epochs 9 --alphas 1.0 --resolutions 56
$run --name grid --epochs 3 --resolutions 56 48 40 32
# Weight decay of the book, ten times as much, and that on depthwise filters, too (chapter 05).
run="$sweep --epochs 8 --batch-size 64 --alphas 0.25 --resolutions 40 --plan fp32-gemm"
$run --name decay
$run --name decay_strong --weight-decay 0.005
$run --name decay_strong_depthwise --weight-decay 0.005 --decay-depthwise
# The live training of chapter 05, whole, on a processor.
run="$sweep --batch-size 32 --rate 0.1 --plan fp32-gemm"
$run --name live --epochs 6 --alphas 0.5 --resolutions 56
# 32 pixels without the last stride of 2 (chapter 06).
$run --name stride_last --epochs 3 --alphas 0.25 --resolutions 32 --drop-stride last
