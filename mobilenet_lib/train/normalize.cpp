// Batch normalization with its ReLU of whole maps: two passes forward, two for the gradients.

#include "normalize.h"

namespace {

struct Pass { // x, upstream and y: (rows, channels)
    const Normalization *own;
    const void *x, *upstream;
    void *y; // what is written: the output, or the gradient of x
    int threads;
};

template <class T> struct Map {
    const Pass &of;
    int64_t rows = of.own->rows, C = of.own->channels;
    const T *x = static_cast<const T *>(of.x), *upstream = static_cast<const T *>(of.upstream);
    T *y = static_cast<T *>(of.y);
};

template <class T> void measure(const Pass &of) {
    Map<T> map{of};
    auto add = [&](double *sums, int64_t first, int64_t last) {
        add_moments(map.x + first * map.C, sums, last - first, map.C);
    };
    of.own->settle(total(of.threads, map.rows, 2 * map.C, add).data());
}

template <class T> void apply(const Pass &of) {
    Map<T> map{of};
    split(of.threads, map.rows, [&](int, int64_t first, int64_t last) {
        normalize(map.x + first * map.C, map.y + first * map.C, *of.own, last - first);
    });
}

template <class T> void gather(const Pass &of) {
    Map<T> map{of};
    auto add = [&](double *sums, int64_t first, int64_t last) {
        int64_t at = first * map.C;
        add_gradients(map.x + at, map.upstream + at, *of.own, sums, last - first);
    };
    of.own->settle_gradients(total(of.threads, map.rows, 2 * map.C, add).data());
}

template <class T> void pass_on(const Pass &of) {
    Map<T> map{of};
    split(of.threads, map.rows, [&](int, int64_t first, int64_t last) {
        int64_t at = first * map.C;
        input_gradient(map.x + at, map.upstream + at, map.y + at, *of.own, last - first);
    });
}

} // namespace

// What Python calls.
extern "C" {
void measure_fp32(const Pass *of) { measure<float>(*of); }
void measure_bf16(const Pass *of) { measure<bf16>(*of); }
void apply_fp32(const Pass *of) { apply<float>(*of); }
void apply_bf16(const Pass *of) { apply<bf16>(*of); }
void gather_fp32(const Pass *of) { gather<float>(*of); }
void gather_bf16(const Pass *of) { gather<bf16>(*of); }
void pass_on_fp32(const Pass *of) { pass_on<float>(*of); }
void pass_on_bf16(const Pass *of) { pass_on<bf16>(*of); }
}
