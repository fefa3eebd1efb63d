// A layer between two batch normalizations, in fp32: it reads what the one before it makes of its
// input while it computes, so that a normalized map is written nowhere, and it gathers what the one
// after it needs to know of its output while that is at hand.

#pragma once

#include "normalize.h"

struct Layer {
    const Normalization *before, *after;
    const float *x, *weight; // x is what `before` normalizes
    float *y;
    float *upstream; // the gradient of what `after` gives; pointwise layers write y's over it
    float *for_x;    // the gradient of what `before` gives
    float *for_weight; // like weight; null if nobody asks
    int64_t batch, height, width, out_height, out_width, stride;
    int turned; // whether filters are to be turned by 180 degrees
    int threads;
};
