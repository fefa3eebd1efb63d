// Batch normalization with its ReLU or ReLU6 in training, and the gradients of both, row by row.
//
// The compiler turns loops over channels into vectors, provided that it knows that what is written
// is not what is read next: that is what __restrict promises. Each loop takes sixteen channels at a
// time. By itself a compiler takes 32 of 16 bits, and leaves those of a narrow map one by one to
// the loop's remainder.

#pragma once

#include "kernels.h"

#include <cmath>

struct bf16 { // the upper half of a float: its sign, its exponent and 7 digits of its fraction
    std::uint16_t bits;
};

inline float load(float x) { return x; }

inline float load(bf16 x) {
    std::uint32_t bits = std::uint32_t(x.bits) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

inline void store(float &to, float value) { to = value; }

inline void store(bf16 &to, float value) {
    std::uint32_t bits;
    std::memcpy(&bits, &value, 4);
    bits = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16; // to the nearest, in the middle to the even
    to.bits = std::uint16_t(value == value ? bits : 0x7fc0); // NaN could have rounded to infinity
}

// For each channel, what a pass over its numbers needs, and the gradients of its normalization's
// weight and bias: a table, (8, channels). INVERSE is 1 / the standard deviation.
enum { MEAN, SCALE, SHIFT, INVERSE, SLOPE, CONSTANT, FOR_WEIGHT, FOR_BIAS };

struct Normalization { // what belongs to a layer's output, whose rows are pixels
    const float *weight, *bias;
    float *running_mean, *running_variance, *table;
    double eps, momentum;
    int64_t rows, channels;
    float limit;

    // The first four columns of the table, from the sums of all numbers and of their squares.
    void settle(const double *sums) const {
        int64_t C = channels;
        for (int64_t c = 0; c < C; c++) {
            double mean = sums[c] / rows, variance = sums[C + c] / rows - mean * mean;
            variance = variance < 0 ? 0 : variance; // by rounding
            double inverse = 1 / std::sqrt(variance + eps);
            table[MEAN * C + c] = mean;
            table[SCALE * C + c] = inverse * weight[c];
            table[SHIFT * C + c] = bias[c];
            table[INVERSE * C + c] = inverse;
            double unbiased = variance * rows / (rows - 1);
            running_mean[c] += momentum * (mean - running_mean[c]);
            running_variance[c] += momentum * (unbiased - running_variance[c]);
        }
    }

    // The other four, from the sums that `add_gradients` adds up.
    void settle_gradients(const double *sums) const {
        int64_t C = channels;
        for (int64_t c = 0; c < C; c++) {
            double scale = table[SCALE * C + c], inverse = table[INVERSE * C + c];
            table[FOR_BIAS * C + c] = sums[c];
            table[FOR_WEIGHT * C + c] = sums[C + c] * inverse;
            // Mean and deviation hang on every number, so each has a share in all gradients.
            table[SLOPE * C + c] = scale * inverse * inverse * sums[C + c] / rows;
            table[CONSTANT * C + c] = scale * sums[c] / rows;
        }
    }
};

// Calls some(row, how many) until all rows had their turn: four at a time, since what belongs to a
// channel is then read once for all four, and the last ones by themselves.
template <class Some> void by_rows(int64_t first, int64_t last, Some some) {
    int64_t row = first;
    for (; row + 4 <= last; row += 4) some(row, Number<4>());
    for (; row < last; row++) some(row, Number<1>());
}

template <class T>
void add_moments(const T *x, double *__restrict sums, int64_t rows, int64_t channels) {
    by_rows(0, rows, [=](int64_t row, auto many) {
        const T *__restrict at = x + row * channels;
#pragma omp simd simdlen(16)
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0, squares = 0;
            for (int r = 0; r < many; r++) {
                double value = load(at[r * channels + c]);
                sum += value;
                squares += value * value;
            }
            sums[c] += sum;
            sums[channels + c] += squares;
        }
    });
}

template <class T>
void normalize(const T *x, T *y, const Normalization &own, int64_t rows) {
    const float *__restrict table = own.table;
    int64_t channels = own.channels;
    float limit = own.limit;
    by_rows(0, rows, [=](int64_t row, auto many) {
        const T *__restrict at = x + row * channels;
        T *__restrict to = y + row * channels;
#pragma omp simd simdlen(16)
        for (int64_t c = 0; c < channels; c++) {
            float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
            float shift = table[SHIFT * channels + c];
            for (int r = 0; r < many; r++) {
                float value = (load(at[r * channels + c]) - mean) * scale + shift;
                value = value < 0 ? 0 : value; // NaN is not below 0: it stays
                store(to[r * channels + c], value > limit ? limit : value);
            }
        }
    });
}

// A gradient passes where the output is neither 0 nor the limit. The output is computed again from
// the input: that takes less time than to read it.
inline float passed(float upstream, float value, float limit) {
    return value <= 0 || value >= limit ? 0 : upstream;
}

template <class T>
void add_gradients(const T *x, const T *upstream, const Normalization &own,
                   double *__restrict sums, int64_t rows) {
    const float *__restrict table = own.table;
    int64_t channels = own.channels;
    float limit = own.limit;
    by_rows(0, rows, [=](int64_t row, auto many) {
        const T *__restrict at = x + row * channels, *__restrict from = upstream + row * channels;
#pragma omp simd simdlen(16)
        for (int64_t c = 0; c < channels; c++) {
            float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
            float shift = table[SHIFT * channels + c], sum = 0, products = 0;
            for (int r = 0; r < many; r++) {
                float centered = load(at[r * channels + c]) - mean;
                float g = load(from[r * channels + c]);
                g = passed(g, centered * scale + shift, limit);
                sum += g;
                products += g * centered;
            }
            sums[c] += sum;
            sums[channels + c] += products;
        }
    });
}

// `to` may be `upstream` itself.
template <class T>
void input_gradient(const T *x, const T *upstream, T *to, const Normalization &own, int64_t rows) {
    const float *__restrict table = own.table;
    int64_t channels = own.channels;
    float limit = own.limit;
    by_rows(0, rows, [=](int64_t row, auto many) {
        const T *__restrict at = x + row * channels;
        int64_t begin = row * channels;
#pragma omp simd simdlen(16)
        for (int64_t c = 0; c < channels; c++) {
            float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
            float shift = table[SHIFT * channels + c], slope = table[SLOPE * channels + c];
            float constant = table[CONSTANT * channels + c];
            for (int r = 0; r < many; r++) {
                float centered = load(at[r * channels + c]) - mean;
                float g = load(upstream[begin + r * channels + c]);
                g = passed(g, centered * scale + shift, limit);
                store(to[begin + r * channels + c], g * scale - centered * slope - constant);
            }
        }
    });
}
