// What the kernels share. They compute a training step on maps in channels_last, where each pixel
// is a row of `channels` numbers.
//
// But for matrix products, such layers take the time that it takes to move their numbers. So each
// kernel goes through its maps as few times as it can, and reads whole vectors of neighbouring
// numbers. Arithmetic is in fp32. Sums over a whole map are put together in double, but those of a
// matrix product.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

extern "C" int omp_get_thread_num();
extern "C" int omp_get_num_threads();

using std::int64_t;
template <int N> using Number = std::integral_constant<int, N>; // known when this is compiled

// A vector is as long as a register of the processor, of which there are enough for ROWS * 2 sums of
// a matrix product, beside what they are made of.
#if defined(__AVX512F__)
constexpr int LANES = 16, ROWS = 12;
#elif defined(__AVX__)
constexpr int LANES = 8, ROWS = 6;
#else
constexpr int LANES = 4, ROWS = 6;
#endif
typedef float Vector __attribute__((vector_size(4 * LANES)));

template <int N = LANES> inline Vector read(const float *from) {
    Vector v{};
    std::memcpy(&v, from, 4 * N);
    return v;
}

template <int N = LANES> inline void write(float *to, Vector v) { std::memcpy(to, &v, 4 * N); }

// Calls part(thread, first, last) on up to `threads` threads, each with its share of `count`.
template <class Part> void split(int threads, int64_t count, Part part) {
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
        int64_t thread = omp_get_thread_num(), team = omp_get_num_threads();
        part(int(thread), count * thread / team, count * (thread + 1) / team);
    }
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
