# bd_kernels.h, as far as it is called from here.
from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    extern "C" {
    #include "bd_kernels.h"
    }
    """
    const uint64_t BD_KERNEL_MASK
    const uint64_t BD_KERNEL_STOP
    const int BD_KERNEL_TEXT

    struct bd_kernel_pair:
        const char *key
        uint64_t key_len
        int64_t value
    struct bd_kernel_row:
        int64_t id
        double weight
        const char *name
        uint64_t name_len

    uint64_t bd_kernel_call(uint64_t x, uint64_t steps) noexcept nogil
    uint64_t bd_kernel_sum(uint64_t x, const void *data, uint64_t n) noexcept nogil
    uint64_t bd_kernel_tick() noexcept nogil
    int64_t bd_kernel_plusone(int64_t x) noexcept nogil
    uint64_t bd_kernel_sum_i64(uint64_t x, const int64_t *v, uint64_t n) noexcept nogil
    double bd_kernel_sum_f64(const double *v, uint64_t n) noexcept nogil
    double bd_kernel_sum_f64_strided(const double *v, uint64_t n, int64_t stride_bytes) noexcept nogil
    uint64_t bd_kernel_sum_texts(uint64_t x, const char *const *text, const uint64_t *len, uint64_t n) noexcept nogil
    uint64_t bd_kernel_sum_pairs(uint64_t x, const bd_kernel_pair *v, uint64_t n) noexcept nogil
    uint64_t bd_kernel_sum_rows(uint64_t x, const bd_kernel_row *v, uint64_t n) noexcept nogil
    void bd_kernel_fill(uint64_t x, void *data, uint64_t n) noexcept nogil
    void bd_kernel_fill_i64(uint64_t x, int64_t *v, uint64_t n) noexcept nogil
    void bd_kernel_fill_f64(uint64_t x, double *v, uint64_t n) noexcept nogil
    uint64_t bd_kernel_text(uint64_t x, uint64_t i, char *out) noexcept nogil
    uint64_t bd_kernel_callback(uint64_t x, uint64_t n, uint64_t (*f)(void *arg, uint64_t x) noexcept, void *arg) noexcept
    uint64_t bd_kernel_callback_foreign(uint64_t x, uint64_t n, uint64_t (*f)(void *arg, uint64_t x) noexcept,
                                        void *arg) noexcept nogil
    int bd_kernel_fail(uint64_t depth) noexcept nogil

    int64_t bd_kernel_i64_1(int64_t a) noexcept nogil
    int64_t bd_kernel_i64_2(int64_t a, int64_t b) noexcept nogil
    int64_t bd_kernel_i64_3(int64_t a, int64_t b, int64_t c) noexcept nogil
    int64_t bd_kernel_i64_4(int64_t a, int64_t b, int64_t c, int64_t d) noexcept nogil
    int64_t bd_kernel_i64_6(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f) noexcept nogil
    int64_t bd_kernel_i64_8(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g,
                            int64_t h) noexcept nogil
    int64_t bd_kernel_i64_16(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f, int64_t g, int64_t h,
                             int64_t i, int64_t j, int64_t k, int64_t l, int64_t m, int64_t n, int64_t o,
                             int64_t p) noexcept nogil
    double bd_kernel_f64_1(double a) noexcept nogil
    double bd_kernel_f64_2(double a, double b) noexcept nogil
    double bd_kernel_f64_3(double a, double b, double c) noexcept nogil
    double bd_kernel_f64_4(double a, double b, double c, double d) noexcept nogil
    double bd_kernel_f64_6(double a, double b, double c, double d, double e, double f) noexcept nogil
    double bd_kernel_f64_8(double a, double b, double c, double d, double e, double f, double g, double h) noexcept nogil
    double bd_kernel_f64_16(double a, double b, double c, double d, double e, double f, double g, double h, double i,
                            double j, double k, double l, double m, double n, double o, double p) noexcept nogil
    bint bd_kernel_bool_1(bint a) noexcept nogil
    bint bd_kernel_bool_2(bint a, bint b) noexcept nogil
    bint bd_kernel_bool_3(bint a, bint b, bint c) noexcept nogil
    bint bd_kernel_bool_4(bint a, bint b, bint c, bint d) noexcept nogil
    bint bd_kernel_bool_6(bint a, bint b, bint c, bint d, bint e, bint f) noexcept nogil
    bint bd_kernel_bool_8(bint a, bint b, bint c, bint d, bint e, bint f, bint g, bint h) noexcept nogil
    bint bd_kernel_bool_16(bint a, bint b, bint c, bint d, bint e, bint f, bint g, bint h, bint i, bint j, bint k, bint l,
                           bint m, bint n, bint o, bint p) noexcept nogil
