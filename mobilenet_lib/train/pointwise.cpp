// Pointwise convolutions in fp32: matrix products of pixels and weights, (out_channels, in_channels).
//
// A product is made of tiles of ROWS rows and two vectors of columns, whose sums stay in registers
// while the processor goes through a row of the one matrix and a panel of the other: those two
// columns of vectors, copied so that they lie one after the other.

#include "layer.h"

namespace {

constexpr int WIDTH = 2 * LANES;
constexpr int64_t BLOCK = 1 << 15; // numbers of a map that stay in a core's own cache
constexpr int64_t FEW = 1 << 17;   // sums of weights, if each thread has its own

int64_t panels(int64_t count, int64_t size) { return (count + size - 1) / size; }

float *numbers(std::vector<Vector> &of) { return reinterpret_cast<float *>(of.data()); }

// A tile of the product of rows (`row` numbers apart, their own numbers `step` apart) and a panel.
// Of the tile, `rows` and `columns` are written; `add` adds them to what is there already.
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

// Copies columns of a matrix, whose rows are `line` numbers apart, into panels of a width.
template <int SIZE>
void spread(const float *from, int64_t rows, int64_t columns, int64_t line, float *panel,
            int64_t depth) {
    int64_t c = 0;
    for (; c + SIZE <= columns; c += SIZE, panel += depth * SIZE)
        for (int64_t k = 0; k < rows; k++)
            std::memcpy(panel + k * SIZE, from + k * line + c, SIZE * sizeof *panel);
    for (int64_t k = 0; k < rows && c < columns; k++)
        std::copy_n(from + k * line + c, columns - c, panel + k * SIZE);
}

// The same of a matrix on its side, whose columns are `line` numbers apart: some rows at a time,
// so that each piece of a column is read once.
void spread_turned(const float *from, int64_t rows, int64_t columns, int64_t line, float *panel) {
    for (int64_t c = 0; c < columns; c += WIDTH, panel += rows * WIDTH)
        for (int64_t first = 0; first < rows; first += LANES)
            for (int64_t j = 0; j < std::min<int64_t>(WIDTH, columns - c); j++)
                for (int64_t k = first; k < std::min(first + LANES, rows); k++)
                    panel[k * WIDTH + j] = from[(c + j) * line + k];
}

// Panels of all weights, copied by several threads: some(first column, how many, where to).
template <class Some>
std::vector<Vector> pack(int threads, int64_t depth, int64_t columns, Some some) {
    std::vector<Vector> packed(panels(columns, WIDTH) * depth * 2);
    split(threads, panels(columns, WIDTH), [&](int, int64_t first, int64_t last) {
        int64_t c = first * WIDTH, count = std::min(last * WIDTH, columns) - c;
        some(c, count, numbers(packed) + c * depth);
    });
    return packed;
}

// Calls each(first row, how many): blocks of a thread's rows, each of which stays at hand, of whole
// tiles but for the last.
template <class Each> void by_blocks(int64_t first, int64_t last, int64_t channels, Each each) {
    int64_t rows = last - first, count = panels(rows * channels, BLOCK), begin = 0;
    for (int64_t i = 1; i <= count; i++) {
        int64_t end = i < count ? rows * i / count / ROWS * ROWS : rows;
        if (end > begin) each(first + begin, end - begin);
        begin = end;
    }
}

void forward(const Layer<float> &of) {
    int64_t in = of.before->channels, out = of.after->channels;
    auto packed = pack(of.threads, in, out, [&](int64_t c, int64_t count, float *to) {
        spread_turned(of.weight + c * in, in, count, in, to);
    });
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

// Adds to the gradient of the weights, for output channels `first` to `last`, what some rows give:
// (out_channels, rows) times (rows, in_channels).
void add_weights(const Layer<float> &of, int64_t at, int64_t rows, int64_t first, int64_t last,
                 float *for_weight) {
    int64_t in = of.before->channels, out = of.after->channels, count = last - first;
    int64_t most = std::min(rows, std::max<int64_t>(1, BLOCK / (in + count)));
    int64_t ups = panels(count, ROWS), ins = panels(in, WIDTH);
    std::vector<float> up(ups * ROWS * most), normalized(most * in);
    std::vector<Vector> inputs(ins * 2 * most);
    for (int64_t end = at + rows; at < end; at += most) {
        int64_t depth = std::min(most, end - at);
        normalize(of.x + at * in, normalized.data(), *of.before, depth);
        spread<WIDTH>(normalized.data(), depth, in, in, numbers(inputs), depth);
        spread<ROWS>(of.upstream + at * out + first, depth, count, out, up.data(), depth);
        for (int64_t c = 0; c < in; c += WIDTH)
            for (int64_t r = 0; r < count; r += ROWS)
                tile<ROWS>(&up[r * depth], 1, ROWS, numbers(inputs) + c * depth, depth,
                           for_weight + (first + r) * in + c, in, std::min<int64_t>(ROWS, count - r),
                           std::min<int64_t>(WIDTH, in - c), true);
    }
}

void backward(const Layer<float> &of) {
    int64_t in = of.before->channels, out = of.after->channels, rows = of.after->rows;
    bool few = of.for_weight && in * out * of.threads <= FEW;
    int64_t weights = few ? in * out : 0; // of which each thread has its own sums
    auto packed = pack(of.threads, out, in, [&](int64_t c, int64_t count, float *to) {
        spread<WIDTH>(of.weight + c, out, count, in, to, out);
    });
    auto add = [&](double *sums, int64_t first, int64_t last) {
        std::vector<float> for_weight(weights);
        by_blocks(first, last, std::max(in, out), [&](int64_t at, int64_t some) {
            float *upstream = of.upstream + at * out, *to = of.for_x + at * in;
            input_gradient(of.y + at * out, upstream, upstream, *of.after, some);
            multiply(upstream, some, out, numbers(packed), to, in);
            add_gradients(of.x + at * in, to, *of.before, sums, some);
            if (few) add_weights(of, at, some, 0, out, for_weight.data());
        });
        for (int64_t i = 0; i < weights; i++) sums[2 * in + i] += for_weight[i];
    };
    auto sums = total(of.threads, rows, 2 * in + weights, add);
    of.before->settle_gradients(sums.data());
    if (few) std::copy(sums.begin() + 2 * in, sums.end(), of.for_weight);
    else if (of.for_weight)
        split(of.threads, panels(out, ROWS), [&](int, int64_t first, int64_t last) {
            int64_t begin = first * ROWS, end = std::min(last * ROWS, out);
            if (begin >= end) return; // more threads than there is to do
            std::fill(of.for_weight + begin * in, of.for_weight + end * in, 0.0f);
            add_weights(of, 0, rows, begin, end, of.for_weight);
        });
}

} // namespace

// What Python calls.
extern "C" {
void pointwise_forward_fp32(const Layer<float> *of) { forward(*of); }
void pointwise_backward_fp32(const Layer<float> *of) { backward(*of); }
}
