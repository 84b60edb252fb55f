"""Optional kernels in C++ for CPUs, each with a pure function as its twin.

Nothing here is needed: where the extension has not been built, or the variable
`LUTJAX_NATIVE` is 0, callers take the pure function. `LUTJAX_NATIVE` may also
name a target (`plain`, `avx2`, `avx512`); by default the fastest is used that the
processor has.

* `library`: the built extension, its targets, calls on numpy arrays.
* `lattice`: lattice interpolation as a JAX function.
"""
