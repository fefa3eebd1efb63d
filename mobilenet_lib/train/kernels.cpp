// What a training step computes besides matrix products: batch normalization with its ReLU, and
// depthwise 3x3 convolutions. Maps are in channels_last: each pixel is a row of `channels` numbers.
//
// Such layers take the time that it takes to move their numbers. So each kernel goes through its
// maps as few times as it can, and along them, so that whole vectors of neighbouring numbers are
// read at once. The compiler turns loops over channels into such vectors, provided that it knows
// that what is written is not what is read next: that is what __restrict promises. Arithmetic is in
// fp32; sums over many rows are in double, so they need no care, however large the mean.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <vector>

extern "C" int omp_get_thread_num();
extern "C" int omp_get_num_threads();

namespace {

using std::int64_t;
template <int N> using Number = std::integral_constant<int, N>; // known when this is compiled

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

// --- Sharing the work -------------------------------------------------------------------------

// Calls part(thread, first, last) on up to `threads` threads, each with its share of `count`.
template <class Part> void split(int threads, int64_t count, Part part) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        int64_t thread = omp_get_thread_num(), team = omp_get_num_threads();
        part(int(thread), count * thread / team, count * (thread + 1) / team);
    }
}

// Calls some(row, how many) until all rows had their turn: four at a time, since what belongs to a
// channel is then read once for all four, and the last ones by themselves.
template <class Some> void by_rows(int64_t first, int64_t last, Some some) {
    int64_t row = first;
    for (; row + 4 <= last; row += 4) some(row, Number<4>());
    for (; row < last; row++) some(row, Number<1>());
}

// `count` sums over something shared among threads: add(sums, first, last) adds a share's. They are
// put together in the threads' order, so that the same threads give the same result each time.
template <class Add>
std::vector<double> total(int threads, int64_t shared, int64_t count, Add add) {
    std::vector<double> sums(count * threads);
    split(threads, shared, [&](int thread, int64_t first, int64_t last) {
        add(&sums[count * thread], first, last);
    });
    for (int thread = 1; thread < threads; thread++)
        for (int64_t i = 0; i < count; i++) sums[i] += sums[thread * count + i];
    sums.resize(count);
    return sums;
}

// --- Batch normalization and ReLU -------------------------------------------------------------

// For each channel, what a pass over its numbers needs: a table, (COLUMNS, channels), so that a
// function has one address for all. INVERSE is 1 / the standard deviation.
enum { MEAN, SCALE, SHIFT, INVERSE, SLOPE, CONSTANT, COLUMNS };

template <int ROWS, class T>
void add_moments(const T *__restrict x, double *__restrict sums, int64_t channels) {
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
    auto [rows, C, threads] = std::tuple(own.rows, own.channels, own.threads);
    auto x = static_cast<const T *>(own.x);
    auto y = static_cast<T *>(own.y);
    auto sums = total(threads, rows, 2 * C, [&](double *sums, int64_t first, int64_t last) {
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
    split(threads, rows, [&](int, int64_t first, int64_t last) {
        by_rows(first, last, [&](int64_t at, auto n) {
            normalize<n()>(x + at * C, y + at * C, own.saved, own.limit, C);
        });
    });
}

template <class T> void backward(const Normalization &own) {
    auto [rows, C, threads] = std::tuple(own.rows, own.channels, own.threads);
    auto x = static_cast<const T *>(own.x), upstream = static_cast<const T *>(own.upstream);
    auto for_x = static_cast<T *>(own.for_x);
    auto sums = total(threads, rows, 2 * C, [&](double *sums, int64_t first, int64_t last) {
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
    split(threads, rows, [&](int, int64_t first, int64_t last) {
        by_rows(first, last, [&](int64_t row, auto n) {
            int64_t at = row * C;
            input_gradient<n()>(x + at, upstream + at, for_x + at, table.data(), own.limit, C);
        });
    });
}

// --- Depthwise 3x3, one zero around, stride 1 or 2 --------------------------------------------

// Nine weights or nine sums for each channel: that many vectors a processor holds at once, if they
// are as long as its registers. The names say so to the compiler, which would not find out itself.
#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif
typedef float Vector __attribute__((vector_size(4 * LANES)));

template <int N> inline Vector read(const float *from) {
    Vector v{};
    std::memcpy(&v, from, 4 * N);
    return v;
}

template <int N> inline void write(float *to, Vector v) { std::memcpy(to, &v, 4 * N); }

// Calls each(channel, how many), a vector of channels at a time, and the last ones by themselves.
template <class Each> void by_channels(int64_t channels, Each each) {
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) each(c, Number<LANES>());
    for (; c < channels; c++) each(c, Number<1>());
}

struct Depthwise {
    const float *x, *weight, *upstream; // weight and for_weight: (9, channels)
    float *y, *for_x, *for_weight;
    int64_t batch, height, width, out_height, out_width, channels, stride;
    int threads;
};

// Calls each(column of the output, first, end): of a filter's columns 0, 1 and 2 those that do not
// lie outside of the input, to the left or to the right of it.
template <class Each> void by_columns(const Depthwise &s, Each each) {
    for (int64_t j = 0; j < s.out_width; j++) {
        bool left = j == 0, right = j * s.stride + 1 >= s.width;
        if (!left && !right) each(j, Number<0>(), Number<3>());
        else if (!right) each(j, Number<1>(), Number<3>());
        else if (!left) each(j, Number<0>(), Number<2>());
        else each(j, Number<1>(), Number<2>());
    }
}

struct Rows { // of an image, those three that a filter reads for row i of the output
    const float *row[3];

    Rows(const float *image, const float *zeros, int64_t i, const Depthwise &s) {
        for (int d = 0; d < 3; d++) {
            int64_t at = i * s.stride + d - 1;
            row[d] = at < 0 || at >= s.height ? zeros : image + at * s.width * s.channels;
        }
    }
};

// With turned weights, and stride 1, also the gradient of the input.
void forward(const Depthwise &s) {
    int64_t C = s.channels;
    std::vector<float> zeros(s.width * C);
    split(s.threads, s.batch * s.out_height, [&](int, int64_t first, int64_t last) {
        for (int64_t line = first; line < last; line++) {
            const float *image = s.x + line / s.out_height * s.height * s.width * C;
            Rows rows(image, zeros.data(), line % s.out_height, s);
            by_channels(C, [&](int64_t c, auto n) {
                Vector w[9];
                for (int k = 0; k < 9; k++) w[k] = read<n()>(s.weight + k * C + c);
                by_columns(s, [&](int64_t j, auto from, auto end) {
                    Vector sum{};
                    int64_t at = (j * s.stride - 1) * C + c;
                    for (int d = 0; d < 3; d++)
                        for (int e = from; e < end; e++)
                            sum += w[3 * d + e] * read<n()>(rows.row[d] + at + e * C);
                    write<n()>(s.y + (line * s.out_width + j) * C + c, sum);
                });
            });
        }
    });
}

// The gradient of the input with stride 2. An even row of it met the filters' middle row alone; an
// odd one their last row, for the output above, and their first, for the one below; columns alike.
void spread(const Depthwise &s) {
    int64_t C = s.channels, out_line = s.out_width * C;
    std::vector<float> zeros(out_line);
    split(s.threads, s.batch * s.height, [&](int, int64_t first, int64_t last) {
        for (int64_t line = first; line < last; line++) {
            int64_t i = line % s.height, odd = i % 2;
            const float *above = s.upstream + (line / s.height * s.out_height + i / 2) * out_line;
            const float *below = odd && i / 2 + 1 < s.out_height ? above + out_line : zeros.data();
            const float *for_above = s.weight + (odd ? 6 : 3) * C;
            float *to = s.for_x + line * s.width * C;
            by_channels(C, [&](int64_t c, auto n) {
                Vector a[3], b[3];
                for (int e = 0; e < 3; e++) {
                    a[e] = read<n()>(for_above + e * C + c);
                    b[e] = read<n()>(s.weight + e * C + c);
                }
                for (int64_t j = 0; j < s.out_width; j++) {
                    int64_t at = j * C + c;
                    Vector up = read<n()>(above + at), down = read<n()>(below + at);
                    write<n()>(to + 2 * j * C + c, up * a[1] + down * b[1]);
                    if (2 * j + 1 == s.width) break;
                    Vector odds = up * a[2] + down * b[2];
                    if (j + 1 < s.out_width)
                        odds += read<n()>(above + at + C) * a[0] + read<n()>(below + at + C) * b[0];
                    write<n()>(to + (2 * j + 1) * C + c, odds);
                }
            });
        }
    });
}

void filters(const Depthwise &s) {
    int64_t C = s.channels;
    std::vector<float> zeros(s.width * C);
    auto sums = total(s.threads, s.batch, 9 * C, [&](double *sums, int64_t first, int64_t last) {
        for (int64_t b = first; b < last; b++)
            by_channels(C, [&](int64_t c, auto n) {
                Vector sum[9] = {};
                for (int64_t i = 0; i < s.out_height; i++) {
                    Rows rows(s.x + b * s.height * s.width * C, zeros.data(), i, s);
                    const float *line = s.upstream + (b * s.out_height + i) * s.out_width * C + c;
                    by_columns(s, [&](int64_t j, auto from, auto end) {
                        Vector g = read<n()>(line + j * C);
                        int64_t at = (j * s.stride - 1) * C + c;
                        for (int d = 0; d < 3; d++)
                            for (int e = from; e < end; e++)
                                sum[3 * d + e] += g * read<n()>(rows.row[d] + at + e * C);
                    });
                }
                for (int k = 0; k < 9; k++)
                    for (int lane = 0; lane < n(); lane++) sums[k * C + c + lane] += sum[k][lane];
            });
    });
    for (int64_t i = 0; i < 9 * C; i++) s.for_weight[i] = sums[i];
}

} // namespace

// What Python calls.
extern "C" {
void normalize_forward_fp32(const Normalization *own) { forward<float>(*own); }
void normalize_forward_bf16(const Normalization *own) { forward<bf16>(*own); }
void normalize_backward_fp32(const Normalization *own) { backward<float>(*own); }
void normalize_backward_bf16(const Normalization *own) { backward<bf16>(*own); }
void depthwise_forward(const Depthwise *own) { forward(*own); }
void depthwise_spread(const Depthwise *own) { spread(*own); }
void depthwise_filters(const Depthwise *own) { filters(*own); }
}
