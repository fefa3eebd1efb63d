// Batch normalization with its ReLU or ReLU6 in training, and the gradients of both.
//
// The compiler turns loops over channels into vectors, provided that it knows that what is written
// is not what is read next: that is what __restrict promises.

#include "kernels.h"

#include <cmath>

namespace {

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

// Calls some(row, how many) until all rows had their turn: four at a time, since what belongs to a
// channel is then read once for all four, and the last ones by themselves.
template <class Some> void by_rows(int64_t first, int64_t last, Some some) {
    int64_t row = first;
    for (; row + 4 <= last; row += 4) some(row, Number<4>());
    for (; row < last; row++) some(row, Number<1>());
}

// For each channel, what a pass over its numbers needs: a table, (COLUMNS, channels), so that a
// function has one address for all. INVERSE is 1 / the standard deviation.
enum { MEAN, SCALE, SHIFT, INVERSE, SLOPE, CONSTANT, COLUMNS };

// Each loop takes sixteen channels at a time. By itself a compiler takes 32 of 16 bits, and leaves
// those of a narrow map one by one to the loop's remainder.

template <int ROWS, class T>
void add_moments(const T *__restrict x, double *__restrict sums, int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        for (int row = 0; row < ROWS; row++) {
            double value = load(x[row * channels + c]);
            sum += value;
            squares += value * value;
        }
        sums[c] += sum;
        sums[channels + c] += squares;
    }
}

template <int ROWS, class T>
void normalize(const T *__restrict x, T *__restrict y, const float *__restrict table, float limit,
               int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
        float shift = table[SHIFT * channels + c];
        for (int row = 0; row < ROWS; row++) {
            float value = (load(x[row * channels + c]) - mean) * scale + shift;
            value = value < 0 ? 0 : value; // NaN is not below 0: it stays
            store(y[row * channels + c], value > limit ? limit : value);
        }
    }
}

// A gradient passes where the output is neither 0 nor the limit. The output is computed again from
// the input: that takes less time than to read it.
inline float passed(float upstream, float value, float limit) {
    return value <= 0 || value >= limit ? 0 : upstream;
}

template <int ROWS, class T>
void add_gradients(const T *__restrict x, const T *__restrict upstream,
                   const float *__restrict table, float limit, double *__restrict sums,
                   int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
        float shift = table[SHIFT * channels + c], sum = 0, products = 0;
        for (int row = 0; row < ROWS; row++) {
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

template <int ROWS, class T>
void input_gradient(const T *__restrict x, const T *__restrict upstream, T *__restrict to,
                    const float *__restrict table, float limit, int64_t channels) {
#pragma omp simd simdlen(16)
    for (int64_t c = 0; c < channels; c++) {
        float mean = table[MEAN * channels + c], scale = table[SCALE * channels + c];
        float shift = table[SHIFT * channels + c], slope = table[SLOPE * channels + c];
        float constant = table[CONSTANT * channels + c];
        for (int row = 0; row < ROWS; row++) {
            float centered = load(x[row * channels + c]) - mean;
            float g = load(upstream[row * channels + c]);
            g = passed(g, centered * scale + shift, limit);
            store(to[row * channels + c], g * scale - centered * slope - constant);
        }
    }
}

struct Normalization {
    const void *x, *upstream; // (rows, channels), as are y and for_x
    void *y, *for_x;
    const float *weight, *bias;
    float *running_mean, *running_variance, *saved; // (4, channels): the table's first columns
    float *for_weight, *for_bias;
    double eps, momentum;
    int64_t rows, channels;
    float limit;
    int threads;
};

template <class T> void forward(const Normalization &own) {
    int64_t rows = own.rows, C = own.channels;
    auto x = static_cast<const T *>(own.x);
    auto y = static_cast<T *>(own.y);
    auto sums = total(own.threads, rows, 2 * C, [&](double *sums, int64_t first, int64_t last) {
        by_rows(first, last, [&](int64_t at, auto n) { add_moments<n()>(x + at * C, sums, C); });
    });
    for (int64_t c = 0; c < C; c++) {
        double mean = sums[c] / rows, variance = sums[C + c] / rows - mean * mean;
        variance = variance < 0 ? 0 : variance; // by rounding
        double inverse = 1 / std::sqrt(variance + own.eps);
        own.saved[MEAN * C + c] = mean;
        own.saved[SCALE * C + c] = inverse * own.weight[c];
        own.saved[SHIFT * C + c] = own.bias[c];
        own.saved[INVERSE * C + c] = inverse;
        double unbiased = variance * rows / (rows - 1);
        own.running_mean[c] += own.momentum * (mean - own.running_mean[c]);
        own.running_variance[c] += own.momentum * (unbiased - own.running_variance[c]);
    }
    split(own.threads, rows, [&](int, int64_t first, int64_t last) {
        by_rows(first, last, [&](int64_t at, auto n) {
            normalize<n()>(x + at * C, y + at * C, own.saved, own.limit, C);
        });
    });
}

template <class T> void backward(const Normalization &own) {
    int64_t rows = own.rows, C = own.channels;
    auto x = static_cast<const T *>(own.x), upstream = static_cast<const T *>(own.upstream);
    auto for_x = static_cast<T *>(own.for_x);
    auto sums = total(own.threads, rows, 2 * C, [&](double *sums, int64_t first, int64_t last) {
        by_rows(first, last, [&](int64_t at, auto n) {
            add_gradients<n()>(x + at * C, upstream + at * C, own.saved, own.limit, sums, C);
        });
    });
    std::vector<float> table(own.saved, own.saved + 4 * C);
    table.resize(COLUMNS * C);
    for (int64_t c = 0; c < C; c++) {
        double scale = table[SCALE * C + c], inverse = table[INVERSE * C + c];
        own.for_bias[c] = sums[c];
        own.for_weight[c] = sums[C + c] * inverse;
        // Mean and deviation hang on every number, so each has a share in all gradients.
        table[SLOPE * C + c] = scale * inverse * inverse * sums[C + c] / rows;
        table[CONSTANT * C + c] = scale * sums[c] / rows;
    }
    split(own.threads, rows, [&](int, int64_t first, int64_t last) {
        by_rows(first, last, [&](int64_t row, auto n) {
            int64_t at = row * C;
            input_gradient<n()>(x + at, upstream + at, for_x + at, table.data(), own.limit, C);
        });
    });
}

} // namespace

// What Python calls.
extern "C" {
void normalize_forward_fp32(const Normalization *own) { forward<float>(*own); }
void normalize_forward_bf16(const Normalization *own) { forward<bf16>(*own); }
void normalize_backward_fp32(const Normalization *own) { backward<float>(*own); }
void normalize_backward_bf16(const Normalization *own) { backward<bf16>(*own); }
}
