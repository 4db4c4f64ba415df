#pragma once

// Ends this instance. The last `error` line before a trap becomes the fault's message on the host.
_Noreturn void fail(const char *why);
