/* The characters of a str, as CPython keeps them, as UTF-8. */
#ifndef BD_PYTHON_TEXT_H
#define BD_PYTHON_TEXT_H

#include "bd_base.h"

/* n characters of `kind` bytes each (1, 2 or 4), appended. What has no place in UTF-8 text (NUL, half of a surrogate pair)
 * becomes U+FFFD. false: this is no str. */
bool bd_python_text(struct bd_str *out, const uint8_t *data, size_t n, unsigned kind);

#endif
