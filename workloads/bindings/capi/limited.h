/* What the Limited API has under another name, or only as a function: the same sources make the module for it. */
#ifndef BD_CAPI_LIMITED_H
#define BD_CAPI_LIMITED_H

#ifdef Py_LIMITED_API
#define BD_CAPI_LIMITED 1
#endif

#if PY_VERSION_HEX < 0x030d0000 && !defined(Py_BEGIN_CRITICAL_SECTION) || defined(BD_CAPI_LIMITED)
/* Only free-threaded builds need them. */
#undef Py_BEGIN_CRITICAL_SECTION
#undef Py_END_CRITICAL_SECTION
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

#endif
