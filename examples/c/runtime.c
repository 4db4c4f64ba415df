// What a C library would bring along, as far as a policy needs one. A real libc (wasi-libc, say) imports
// WASI for files and clocks, and the host refuses every import but `log`.

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cheapest.h"
#include "runtime.h"

// The line is lost where the host is just calling `cabi_realloc`: a component may not call out then, and
// to try is a trap, too.
_Noreturn void fail(const char *why) {
  cheapest_string_t line = {(uint8_t *)why, strlen(why)};
  nudge_policy_log_line(NUDGE_POLICY_LOG_LEVEL_ERROR, &line);
  __builtin_trap();
}

_Noreturn void abort(void) { fail("aborted"); }

// Memory. An instance lives for one question and all its memory goes with it, so nothing needs to be
// freed: the next block begins where the last one ends. The host calls `realloc` too, by way of
// `cabi_realloc`, to put the arguments of a question here.

enum { PAGE = 65536, ALIGN = 8 };  // No type of the contract wants to be aligned to more than 8.

extern char __heap_base;  // The linker's: where its own data ends.
static uintptr_t top;     // Where the last block ends.

void *malloc(size_t size) {
  if (top == 0) top = ((uintptr_t)&__heap_base + ALIGN - 1) & -(uintptr_t)ALIGN;
  // A block's size stands before it, for `realloc`.
  uint64_t end = ((uint64_t)top + ALIGN + size + ALIGN - 1) & -(uint64_t)ALIGN;
  uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
  if (end > have) {
    size_t pages = (size_t)((end - have + PAGE - 1) / PAGE);
    // Nobody could do anything about it, so nobody has to ask for NULL. Under Nudge the host ends an
    // instance that wants more than its limit before this sees it.
    if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) fail("out of memory");
  }
  char *block = (char *)top + ALIGN;
  *(size_t *)top = size;
  top = (uintptr_t)end;
  return block;
}

void free(void *block) { (void)block; }

void *realloc(void *block, size_t size) {
  if (block == NULL) return malloc(size);
  size_t old = *(size_t *)((char *)block - ALIGN);
  if (size <= old) return block;
  return memcpy(malloc(size), block, old);
}

// What compilers call even where there is no library.

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[i];
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  if ((uintptr_t)to <= (uintptr_t)from) {
    for (size_t i = 0; i < size; i++) ((char *)to)[i] = ((const char *)from)[i];
  } else {
    while (size-- > 0) ((char *)to)[size] = ((const char *)from)[size];
  }
  return to;
}

void *memset(void *to, int byte, size_t size) {
  for (size_t i = 0; i < size; i++) ((char *)to)[i] = (char)byte;
  return to;
}

int memcmp(const void *a, const void *b, size_t size) {
  const unsigned char *x = a, *y = b;
  for (size_t i = 0; i < size; i++) {
    if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t size = 0;
  while (text[size] != '\0') size++;
  return size;
}
