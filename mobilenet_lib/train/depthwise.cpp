// Depthwise 3x3 convolutions with one zero around and stride 1 or 2, and their gradients, in fp32.
// (In bf16, torch's own are faster: processors with such numbers multiply two of them at once.)

#include "kernels.h"

namespace {

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
void depthwise_forward(const Depthwise *own) { forward(*own); }
void depthwise_spread(const Depthwise *own) { spread(*own); }
void depthwise_filters(const Depthwise *own) { filters(*own); }
}
