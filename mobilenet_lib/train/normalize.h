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

// A gradient passes where the output is neither 0 nor the limit. The output is computed again from
// the input: that takes less time than to read it.
inline float passed(float upstream, float value, float limit) {
    return value <= 0 || value >= limit ? 0 : upstream;
}

// What is done with some rows at once: four as long as there are, since what belongs to a channel is
// then read once for all four, and the last ones by themselves. Pointers are parameters of a function
// of their own, since that is where the compiler believes what they promise.
namespace rows_of {

template <int MANY, class T>
void add_moments(const T *__restrict x, double *__restrict sums, int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        for (int row = 0; row < MANY; row++) {
            double value = load(x[row * channels + c]);
            sum += value;
            squares += value * value;
        }
        sums[c] += sum;
        sums[channels + c] += squares;
    }
}

template <int MANY, class T, class To>
void normalize(const T *__restrict x, To *__restrict y, const float *__restrict table, float limit,
               int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
        float shift = table[SHIFT * channels + c];
        for (int row = 0; row < MANY; row++) {
            float value = (load(x[row * channels + c]) - mean) * scale + shift;
            value = value < 0 ? 0 : value; // NaN is not below 0: it stays
            store(y[row * channels + c], value > limit ? limit : value);
        }
    }
}

template <int MANY, class T>
void add_gradients(const T *__restrict x, const T *__restrict upstream,
                   const float *__restrict table, float limit, double *__restrict sums,
                   int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
        float shift = table[SHIFT * channels + c], sum = 0, products = 0;
        for (int row = 0; row < MANY; row++) {
            float centered = load(x[row * channels + c]) - mean;
            float g = load(upstream[row * channels + c]);
            g = passed(g, centered * scale + shift, limit);
            sum += g;
            products += g * centered;
        }
        sums[c] += sum;
        sums[channels + c] += products;
    }
}

template <int MANY, class T, class To> // `to` may be `upstream` itself: neither promises anything
void input_gradient(const T *__restrict x, const T *upstream, To *to,
                    const float *__restrict table, float limit, int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
        float shift = table[SHIFT * channels + c], slope = table[SLOPE * channels + c];
        float constant = table[CONSTANT * channels + c];
        for (int row = 0; row < MANY; row++) {
            float centered = load(x[row * channels + c]) - mean;
            float g = load(upstream[row * channels + c]);
            g = passed(g, centered * scale + shift, limit);
            store(to[row * channels + c], g * scale - centered * slope - constant);
        }
    }
}

template <class T>
void round(const float *__restrict from, T *__restrict to, int64_t count) {
#pragma omp simd simdlen(16)
    for (int64_t i = 0; i < count; i++) store(to[i], from[i]);
}

} // namespace rows_of

// Calls some(where the next rows begin, how many).
template <class Some> void by_rows(int64_t rows, int64_t channels, Some some) {
    int64_t row = 0;
    for (; row + 4 <= rows; row += 4) some(row * channels, Number<4>());
    for (; row < rows; row++) some(row * channels, Number<1>());
}

template <class T> void add_moments(const T *x, double *sums, int64_t rows, int64_t channels) {
    by_rows(rows, channels, [=](int64_t at, auto many) {
        rows_of::add_moments<many()>(x + at, sums, channels);
    });
}

template <class T, class To>
void normalize(const T *x, To *y, const Normalization &own, int64_t rows) {
    by_rows(rows, own.channels, [=, own = own](int64_t at, auto many) {
        rows_of::normalize<many()>(x + at, y + at, own.table, own.limit, own.channels);
    });
}

template <class T>
void add_gradients(const T *x, const T *upstream, const Normalization &own, double *sums,
                   int64_t rows) {
    by_rows(rows, own.channels, [=, own = own](int64_t at, auto many) {
        rows_of::add_gradients<many()>(x + at, upstream + at, own.table, own.limit, sums,
                                       own.channels);
    });
}

template <class T, class To>
void input_gradient(const T *x, const T *upstream, To *to, const Normalization &own,
                    int64_t rows) {
    by_rows(rows, own.channels, [=, own = own](int64_t at, auto many) {
        rows_of::input_gradient<many()>(x + at, upstream + at, to + at, own.table, own.limit,
                                        own.channels);
    });
}
