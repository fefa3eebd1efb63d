// A layer between two batch normalizations: it reads what the one before it makes of its input while
// it computes, so that a normalized map is written nowhere, and it gathers what the one after it
// needs to know of its output while that is at hand.

#pragma once

#include "normalize.h"

template <class T> struct Layer {
    const Normalization *before, *after;
    const T *x; // what `before` normalizes
    const float *weight;
    T *y;
    T *upstream;       // the gradient of what `after` gives; pointwise layers write y's over it
    T *for_x;          // the gradient of what `before` gives
    float *for_weight; // like weight; null if nobody asks
    int64_t batch, height, width, out_height, out_width, stride;
    int turned; // whether filters are to be turned by 180 degrees
    int threads;
};
