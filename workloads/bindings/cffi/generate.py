"""Writes the C source of bdb_cffi_api: generate.py FILE, run by the interpreter it is for."""
import os
import runpy
import sys

import cffi

HERE = os.path.dirname(os.path.abspath(__file__))
OWN_DECLARATIONS = """
extern "Python" uint64_t bdb_call_back(void *, uint64_t);
extern "Python" uint64_t bdb_try(void *, uint64_t);
uint64_t bdb_catch(void *, uint64_t);
"""
# What native code does when Python failed: it goes on without it.
OWN_SOURCE = """
#include "bd_kernels.h"

static uint64_t bdb_try(void *, uint64_t);
static uint64_t bdb_catch(void *handle, uint64_t k)
{
	uint64_t r = bdb_try(handle, k), instead = (uint64_t)bd_kernel_i64_2((int64_t)k, 1);
	return r == BD_KERNEL_STOP ? instead : r;
}
"""

ffi = cffi.FFI()
ffi.cdef(runpy.run_path(os.path.join(HERE, "cffi.py"))["declarations"]() + OWN_DECLARATIONS)
ffi.set_source("bdb_cffi_api", OWN_SOURCE)
ffi.emit_c_code(sys.argv[1])
