// The contract's strings: UTF-8 with a length, and no zero at the end.
#pragma once

#include <stdlib.h>
#include <string.h>

#include "cheapest.h"

typedef cheapest_string_t text;

// Generated code frees an answer when the host has read it. As `free` does nothing here, an answer may
// point to a literal, or into the question.
static inline text literal(const char *from) { return (text){(uint8_t *)from, strlen(from)}; }

static inline bool same(text a, text b) { return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0; }

static inline text joined(text a, text b) {
  text both = {malloc(a.len + b.len), a.len + b.len};
  memcpy(both.ptr, a.ptr, a.len);
  memcpy(both.ptr + a.len, b.ptr, b.len);
  return both;
}
