// Depthwise 3x3 convolutions with one zero around and stride 1 or 2. Weights: (channels, 3, 3).
//
// Maps may be of 16 bits; what is computed is in fp32. A thread goes down its lines of a map. What a line needs of the lines above and below it was made
// a moment ago, or is made now, and waits in the fastest cache.

#include "layer.h"

namespace {

// Calls each(channel, how many), a vector of channels at a time, and the last ones by themselves.
template <class Each> void by_channels(int64_t channels, Each each) {
    int64_t c = 0;
    for (; c + LANES <= channels; c += LANES) each(c, Number<LANES>());
    for (; c < channels; c++) each(c, Number<1>());
}

// Lines of a map, counted through all images, each made when it is asked for; the last four wait.
template <class Make> class Lines {
    Make make; // make(line, where to)
    int64_t length, made[4] = {-1, -1, -1, -1};
    std::vector<float> numbers = std::vector<float>(4 * length);

  public:
    Lines(int64_t length, Make make) : make(make), length(length) {}

    const float *operator[](int64_t line) {
        float *at = &numbers[line % 4 * length];
        if (made[line % 4] != line) make(line, at);
        made[line % 4] = line;
        return at;
    }
};

struct Window { // those three lines that a filter reads around line i of an image, zeros outside
    const float *line[3];

    template <class Lines>
    Window(Lines &lines, const float *zeros, int64_t image, int64_t i, int64_t height) {
        for (int d = 0; d < 3; d++) {
            int64_t at = i + d - 1;
            line[d] = at < 0 || at >= height ? zeros : lines[image * height + at];
        }
    }
};

struct Columns {
    int64_t width, out_width, stride;

    // Calls each(column of the output, first, end): of a filter's columns 0, 1 and 2 those that do
    // not lie outside of the input, to the left or to the right of it.
    template <class Each> void each(Each each) const {
        for (int64_t j = 0; j < out_width; j++) {
            bool left = j == 0, right = j * stride + 1 >= width;
            if (!left && !right) each(j, Number<0>(), Number<3>());
            else if (!right) each(j, Number<1>(), Number<3>());
            else if (!left) each(j, Number<0>(), Number<2>());
            else each(j, Number<1>(), Number<2>());
        }
    }
};

void convolve(const Window &in, const float *weight, float *to, const Columns &columns, int64_t C) {
    by_channels(C, [&](int64_t c, auto n) {
        Vector w[9];
        for (int k = 0; k < 9; k++) w[k] = read<n()>(weight + k * C + c);
        columns.each([&](int64_t j, auto from, auto end) {
            Vector sum{};
            int64_t at = (j * columns.stride - 1) * C + c;
            for (int d = 0; d < 3; d++)
                for (int e = from; e < end; e++)
                    sum += w[3 * d + e] * read<n()>(in.line[d] + at + e * C);
            write<n()>(to + j * C + c, sum);
        });
    });
}

// Line i of the gradient of the input with stride 2. An even line of it met the filters' middle row
// alone; an odd one their last row, for the output above, and their first, for the one below;
// columns alike.
void spread(const float *above, const float *below, bool odd, const float *weight, float *to,
            const Columns &columns, int64_t C) {
    by_channels(C, [&](int64_t c, auto n) {
        Vector a[3], b[3];
        for (int e = 0; e < 3; e++) {
            a[e] = read<n()>(weight + ((odd ? 6 : 3) + e) * C + c);
            b[e] = read<n()>(weight + e * C + c);
        }
        for (int64_t j = 0; j < columns.out_width; j++) {
            int64_t at = j * C + c;
            Vector up = read<n()>(above + at), down = read<n()>(below + at);
            write<n()>(to + 2 * j * C + c, up * a[1] + down * b[1]);
            if (2 * j + 1 == columns.width) break;
            Vector odds = up * a[2] + down * b[2];
            if (j + 1 < columns.out_width)
                odds += read<n()>(above + at + C) * a[0] + read<n()>(below + at + C) * b[0];
            write<n()>(to + (2 * j + 1) * C + c, odds);
        }
    });
}

void add_filters(const Window &in, const float *upstream, float *sums, const Columns &columns,
                 int64_t C) {
    by_channels(C, [&](int64_t c, auto n) {
        Vector sum[9];
        for (int k = 0; k < 9; k++) sum[k] = read<n()>(sums + k * C + c);
        columns.each([&](int64_t j, auto from, auto end) {
            Vector g = read<n()>(upstream + j * C + c);
            int64_t at = (j * columns.stride - 1) * C + c;
            for (int d = 0; d < 3; d++)
                for (int e = from; e < end; e++)
                    sum[3 * d + e] += g * read<n()>(in.line[d] + at + e * C);
        });
        for (int k = 0; k < 9; k++) write<n()>(sums + k * C + c, sum[k]);
    });
}

// (channels, 9) to (9, channels), or back: each filter turned by 180 degrees or not.
std::vector<float> turn(const float *filters, int64_t C, bool turned, bool back = false) {
    std::vector<float> to(9 * C);
    for (int64_t c = 0; c < C; c++)
        for (int k = 0; k < 9; k++) {
            int64_t apart = 9 * c + (turned ? 8 - k : k), together = k * C + c;
            to[back ? apart : together] = filters[back ? together : apart];
        }
    return to;
}

// A line of a map in fp32, to be rounded when it is whole; in fp32 the map's own.
template <class T> struct Line {
    std::vector<float> numbers;

    Line(int64_t length) : numbers(length) {}
    float *of(T *) { return numbers.data(); }
    void round(T *to) const { rows_of::round(numbers.data(), to, numbers.size()); }
};

template <> struct Line<float> {
    Line(int64_t) {}
    float *of(float *to) { return to; }
    void round(float *) const {}
};

template <class T> void forward(const Layer<T> &of) {
    int64_t C = of.before->channels, out_line = of.out_width * C, in_line = of.width * C;
    std::vector<float> zeros(in_line), weight = turn(of.weight, C, of.turned);
    Columns columns{of.width, of.out_width, of.stride};
    auto add = [&](double *sums, int64_t first, int64_t last) {
        Lines inputs(in_line, [&](int64_t line, float *to) {
            normalize(of.x + line * in_line, to, *of.before, of.width);
        });
        Line<T> output(out_line);
        for (int64_t line = first; line < last; line++) {
            int64_t image = line / of.out_height, i = line % of.out_height;
            T *to = of.y + line * out_line;
            Window window(inputs, zeros.data(), image, i * of.stride, of.height);
            convolve(window, weight.data(), output.of(to), columns, C);
            output.round(to);
            add_moments(to, sums, of.out_width, C);
        }
    };
    of.after->settle(total(of.threads, of.batch * of.out_height, 2 * C, add).data());
}

constexpr int64_t FEW = 256; // pixels whose sums may be in fp32

template <class T> void backward(const Layer<T> &of) {
    int64_t C = of.before->channels, in_line = of.width * C, out_line = of.out_width * C;
    std::vector<float> zeros(in_line), weight = turn(of.weight, C, of.turned);
    std::vector<float> turned = turn(of.weight, C, !of.turned);
    Columns columns{of.width, of.out_width, of.stride};
    auto add = [&](double *sums, int64_t first, int64_t last) {
        std::vector<float> some(9 * C);
        int64_t pixels = 0;
        auto flush = [&] {
            for (int64_t i = 0; i < 9 * C; i++) sums[2 * C + i] += some[i];
            std::fill(some.begin(), some.end(), 0.0f);
            pixels = 0;
        };
        Lines inputs(in_line, [&](int64_t line, float *to) {
            normalize(of.x + line * in_line, to, *of.before, of.width);
        });
        Lines gradients(out_line, [&](int64_t line, float *to) {
            int64_t at = line * out_line;
            input_gradient(of.y + at, of.upstream + at, to, *of.after, of.out_width);
        });
        Line<T> gradient(in_line);
        for (int64_t line = first; line < last; line++) {
            int64_t image = line / of.height, i = line % of.height, out = i / of.stride;
            T *to = of.for_x + line * in_line;
            if (of.stride == 1) { // the same convolution, with turned filters
                Window window(gradients, zeros.data(), image, i, of.height);
                convolve(window, turned.data(), gradient.of(to), columns, C);
            } else {
                int64_t below = image * of.out_height + out + 1;
                bool two = i % 2 && out + 1 < of.out_height;
                spread(gradients[below - 1], two ? gradients[below] : zeros.data(), i % 2,
                       weight.data(), gradient.of(to), columns, C);
            }
            gradient.round(to);
            add_gradients(of.x + line * in_line, to, *of.before, sums, of.width);
            if (!of.for_weight || i % of.stride) continue;
            Window window(inputs, zeros.data(), image, i, of.height);
            add_filters(window, gradients[image * of.out_height + out], some.data(), columns, C);
            if ((pixels += of.out_width) >= FEW) flush();
        }
        flush();
    };
    auto sums = total(of.threads, of.batch * of.height, 11 * C, add);
    of.before->settle_gradients(sums.data());
    if (!of.for_weight) return;
    std::vector<float> filters(sums.begin() + 2 * C, sums.end());
    filters = turn(filters.data(), C, of.turned, true);
    std::copy(filters.begin(), filters.end(), of.for_weight);
}

} // namespace

// What Python calls.
extern "C" {
void depthwise_forward_fp32(const Layer<float> *of) { forward(*of); }
void depthwise_forward_bf16(const Layer<bf16> *of) { forward(*of); }
void depthwise_backward_fp32(const Layer<float> *of) { backward(*of); }
void depthwise_backward_bf16(const Layer<bf16> *of) { backward(*of); }
}
