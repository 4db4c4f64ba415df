// The tests that the policy brings along: `nudge policy test` runs each in an instance of its own, which
// was not configured. They ask what the host would ask; a service never calls them.

#include <stdlib.h>

#include "cheapest.h"
#include "text.h"

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

typedef exports_nudge_policy_tests_failure_t failure;

static failure failed;

static bool is_expected(text found, const char *wanted, const char *place) {
  if (same(found, literal(wanted))) return true;
  text message = joined(joined(literal("expected: "), literal(wanted)), literal("; found: "));
  failed = (failure){joined(message, found), literal(place)};
  return false;
}

// Ends the test if the text is another one; a macro, as it has to know the line that it stands in.
#define EXPECT(found, wanted)                                                      \
  do {                                                                             \
    if (!is_expected(found, wanted, __FILE__ ":" STRING(__LINE__))) return false;  \
  } while (0)

// What is wrong with settings, as `path: message; path: message`; empty if nothing is.
static text configure(const char *settings) {
  text json = literal(settings), found = literal("");
  exports_nudge_policy_policy_setup_t setup;
  exports_nudge_policy_policy_list_issue_t issues;
  if (exports_nudge_policy_policy_configure(&json, &setup, &issues)) return found;
  for (size_t i = 0; i < issues.len; i++) {
    if (i > 0) found = joined(found, literal("; "));
    found = joined(joined(joined(found, issues.ptr[i].path), literal(": ")), issues.ptr[i].message);
  }
  return found;
}

static exports_nudge_policy_route_reading_t CHANNELS[] = {
    {.channel = {(uint8_t *)"letter", 6}, .available = true, .cost = 0.9},
    {.channel = {(uint8_t *)"sms", 3}, .available = true, .cost = 0.05},
    {.channel = {(uint8_t *)"pigeon", 6}, .available = false, .cost = 0.0},
    {.channel = {(uint8_t *)"email", 5}, .available = true, .cost = 0.001},
    {.channel = {(uint8_t *)"push", 4}, .available = true, .cost = 0.001},
};

// The channels that are planned for a user who prefers these, in order: `email; push`.
static text plan(text *preferred, size_t count) {
  exports_nudge_policy_route_request_t request = {
      .message = literal("welcome"),
      .preferred = {preferred, count},
      .readings = {CHANNELS, COUNT(CHANNELS)},
  };
  exports_nudge_policy_route_list_request_t requests = {&request, 1};
  exports_nudge_policy_route_batch_t users = {.rows = 1};
  exports_nudge_policy_route_list_itinerary_t answer;
  exports_nudge_policy_route_plan(&requests, &users, &answer);
  text found = literal("");
  for (size_t i = 0; i < answer.ptr[0].steps.len; i++) {
    if (i > 0) found = joined(found, literal("; "));
    found = joined(found, answer.ptr[0].steps.ptr[i].channels.ptr[0]);
  }
  return found;
}

static bool cheapest_first(void) {
  EXPECT(configure("{}"), "");
  EXPECT(plan(NULL, 0), "email; push; sms");
  return true;
}

static bool preferred_before_cheaper(void) {
  text preferred[] = {literal("fax"), literal("pigeon"), literal("letter"), literal("letter")};
  EXPECT(configure("{}"), "");
  EXPECT(plan(preferred, COUNT(preferred)), "letter; email; push");
  return true;
}

static bool settings_are_heeded(void) {
  EXPECT(configure(" { \"wait_minutes\" : 5 , \"most\" : 1 } "), "");
  EXPECT(plan(NULL, 0), "email");
  return true;
}

static bool wrong_settings_are_refused(void) {
  EXPECT(configure("{\"most\": 0, \"wait_minutes\": \"soon\", \"a/b\": [1, {}]}"),
         "/most: must be a whole number from 1 to 16; "
         "/wait_minutes: must be a whole number from 1 to 43200; "
         "/a~1b: is no setting: there are `most` and `wait_minutes`");
  return true;
}

static const struct {
  const char *name;
  bool (*run)(void);
} TESTS[] = {
    {"the cheapest channels come first, in the tenant's order where they cost the same", cheapest_first},
    {"preferred channels come before cheaper ones", preferred_before_cheaper},
    {"settings are heeded", settings_are_heeded},
    {"wrong settings are refused with their paths", wrong_settings_are_refused},
};

void exports_nudge_policy_tests_names(cheapest_list_string_t *names) {
  *names = (cheapest_list_string_t){malloc(COUNT(TESTS) * sizeof(text)), COUNT(TESTS)};
  for (size_t i = 0; i < COUNT(TESTS); i++) names->ptr[i] = literal(TESTS[i].name);
}

bool exports_nudge_policy_tests_run(uint32_t test, failure *why) {
  failed = (failure){literal("there is no such test"), literal("")};
  bool passed = test < COUNT(TESTS) && TESTS[test].run();
  *why = failed;
  return passed;
}
