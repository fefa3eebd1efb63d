// Pointwise convolutions: matrix products of pixels and weights, (out_channels, in_channels).
//
// A product is made of tiles of ROWS rows and two vectors of columns, whose sums stay in registers
// while the processor goes through a row of the one matrix and a panel of the other: those two
// columns of vectors, copied so that they lie one after the other.

#include "layer.h"

namespace {

constexpr int WIDTH = 2 * LANES;
constexpr int64_t BLOCK = 1 << 16;  // numbers of a map that stay in a core's own cache
constexpr int64_t SHARED = 1 << 17; // of either matrix, where threads share what they copied
constexpr int64_t NEAR = 1 << 12;   // that are copied while they are in the fastest cache

int64_t panels(int64_t count, int64_t size) { return (count + size - 1) / size; }

float *numbers(std::vector<Vector> &of) { return reinterpret_cast<float *>(of.data()); }

// A tile of the product of rows (`row` numbers apart, each `step` after the last) and a panel.
// Of the tile, `rows` and `columns` are there; `add` adds them to what is there already.
template <int R>
inline void tile(const float *a, int64_t row, int64_t step, const float *panel, int64_t depth,
                 float *to, int64_t line, int64_t rows, int64_t columns, bool add) {
    Vector sum[R][2] = {};
    for (int64_t k = 0; k < depth; k++, a += step, panel += WIDTH) {
        Vector b0 = read(panel), b1 = read(panel + LANES);
#pragma GCC unroll 16
        for (int r = 0; r < R; r++) {
            sum[r][0] += a[r * row] * b0;
            sum[r][1] += a[r * row] * b1;
        }
    }
    if (rows == R && columns == WIDTH) {
#pragma GCC unroll 16
        for (int r = 0; r < R; r++, to += line) {
            write(to, add ? read(to) + sum[r][0] : sum[r][0]);
            write(to + LANES, add ? read(to + LANES) + sum[r][1] : sum[r][1]);
        }
        return;
    }
    float all[R][WIDTH];
    std::memcpy(all, sum, sizeof all);
    for (int64_t r = 0; r < rows; r++, to += line)
        for (int64_t c = 0; c < columns; c++) to[c] = add ? to[c] + all[r][c] : all[r][c];
}

// The product of some rows of a map, (rows, depth), and all panels. The last tile may compute rows
// once more that another one has computed.
void multiply(const float *a, int64_t rows, int64_t depth, const float *panel, float *to,
              int64_t channels) {
    for (int64_t c = 0; c < channels; c += WIDTH, panel += depth * WIDTH) {
        int64_t columns = std::min<int64_t>(WIDTH, channels - c);
        auto some = [&](int64_t r, auto many) {
            tile<many()>(a + r * depth, depth, 1, panel, depth, to + r * channels + c, channels,
                         many, columns, false);
        };
        if (rows < ROWS)
            for (int64_t r = 0; r < rows; r++) some(r, Number<1>());
        else
            for (int64_t r = 0; r < rows; r += ROWS) some(std::min(r, rows - ROWS), Number<ROWS>());
    }
}

// Panels of a matrix, (depth, channels), whose numbers lie `row` and `step` apart; zeros beyond it.
std::vector<Vector> pack(int threads, const float *matrix, int64_t depth, int64_t channels,
                         int64_t row, int64_t step) {
    std::vector<Vector> packed(panels(channels, WIDTH) * depth * 2);
    split(threads, panels(channels, WIDTH), [&](int, int64_t first, int64_t last) {
        for (int64_t c = first * WIDTH; c < std::min(last * WIDTH, channels); c += WIDTH) {
            float *to = numbers(packed) + c * depth;
            int64_t columns = std::min<int64_t>(WIDTH, channels - c);
            for (int64_t k = 0; k < depth; k++, to += WIDTH)
                for (int64_t j = 0; j < columns; j++) to[j] = matrix[k * row + (c + j) * step];
        }
    });
    return packed;
}

// Calls each(first row, how many): blocks of a thread's rows, each of which stays at hand.
template <class Each> void by_blocks(int64_t first, int64_t last, int64_t channels, Each each) {
    int64_t rows = last - first, count = panels(rows * channels, BLOCK);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = rows * i / count;
        each(first + at, rows * (i + 1) / count - at);
    }
}

void forward(const Layer &of) {
    int64_t in = of.before->channels, out = of.after->channels;
    auto packed = pack(of.threads, of.weight, in, out, 1, in);
    auto add = [&](double *sums, int64_t first, int64_t last) {
        std::vector<float> block;
        by_blocks(first, last, std::max(in, out), [&](int64_t at, int64_t rows) {
            block.resize(std::max<int64_t>(block.size(), rows * in));
            normalize(of.x + at * in, block.data(), *of.before, rows);
            multiply(block.data(), rows, in, numbers(packed), of.y + at * out, out);
            add_moments(of.y + at * out, sums, rows, out);
        });
    };
    of.after->settle(total(of.threads, of.after->rows, 2 * out, add).data());
}

// Of the input, and of y, which takes the place of `upstream`.
void input_gradient(const Layer &of) {
    int64_t in = of.before->channels, out = of.after->channels;
    auto packed = pack(of.threads, of.weight, out, in, in, 1);
    auto add = [&](double *sums, int64_t first, int64_t last) {
        by_blocks(first, last, std::max(in, out), [&](int64_t at, int64_t rows) {
            float *upstream = of.upstream + at * out, *to = of.for_x + at * in;
            input_gradient(of.y + at * out, upstream, upstream, *of.after, rows);
            multiply(upstream, rows, out, numbers(packed), to, in);
            add_gradients(of.x + at * in, to, *of.before, sums, rows);
        });
    };
    of.before->settle_gradients(total(of.threads, of.after->rows, 2 * in, add).data());
}

// Copies rows of a matrix into its panels, which are `size` wide and have `depth` rows.
template <int SIZE>
void spread(const float *from, int64_t rows, int64_t channels, float *to, int64_t depth) {
    int64_t c = 0;
    for (; c + SIZE <= channels; c += SIZE, to += depth * SIZE)
        for (int64_t k = 0; k < rows; k++)
            std::memcpy(to + k * SIZE, from + k * channels + c, SIZE * sizeof *to);
    for (int64_t k = 0; k < rows && c < channels; k++)
        std::copy_n(from + k * channels + c, channels - c, to + k * SIZE);
}

// (out_channels, rows) times (rows, in_channels), some rows at a time.
void weight_gradient(const Layer &of) {
    int64_t in = of.before->channels, out = of.after->channels, rows = of.after->rows;
    int64_t most = std::max<int64_t>(1, SHARED / std::max(in, out));
    int64_t ups = panels(out, ROWS), ins = panels(in, WIDTH);
    std::vector<float> up(ups * ROWS * most);
    std::vector<Vector> inputs(ins * 2 * most);
    for (int64_t at = 0; at < rows; at += most) {
        int64_t depth = std::min(most, rows - at);
        split(of.threads, depth, [&](int, int64_t first, int64_t last) {
            int64_t few = std::max<int64_t>(1, NEAR / std::max(in, out));
            std::vector<float> normalized(few * in);
            for (int64_t k = first; k < last; k += few) {
                int64_t some = std::min(few, last - k);
                normalize(of.x + (at + k) * in, normalized.data(), *of.before, some);
                spread<WIDTH>(normalized.data(), some, in, numbers(inputs) + k * WIDTH, depth);
                spread<ROWS>(of.upstream + (at + k) * out, some, out, &up[k * ROWS], depth);
            }
        });
        split(of.threads, ups * ins, [&](int, int64_t first, int64_t last) {
            for (int64_t each = first; each < last; each++) {
                int64_t r = each % ups * ROWS, c = each / ups * WIDTH;
                tile<ROWS>(&up[r * depth], 1, ROWS, numbers(inputs) + c * depth, depth,
                           of.for_weight + r * in + c, in, std::min<int64_t>(ROWS, out - r),
                           std::min<int64_t>(WIDTH, in - c), at > 0);
            }
        });
    }
}

void backward(const Layer &of) {
    input_gradient(of);
    if (of.for_weight) weight_gradient(of);
}

} // namespace

// What Python calls.
extern "C" {
void pointwise_forward(const Layer *of) { forward(*of); }
void pointwise_backward(const Layer *of) { backward(*of); }
}
