// "cheapest", a policy of the kind `route`: where messages go, the cheapest channel first.
//
// The host asks `plan` for the channels of messages that are about to be sent. This policy takes the
// channels that reach the user: those that the user prefers in the user's order, then the others from
// the cheapest up; `most` of them, with a wait after each. Settings, both of which may be left out:
//
//   { "most": 3, "wait_minutes": 60 }
//
// The contract is wit/0.1.0/policy.wit. Names such as `exports_nudge_policy_route_plan` are made from it
// by wit-bindgen: package, interface, function.

#include <stdlib.h>
#include <string.h>

#include "cheapest.h"
#include "text.h"

#define NAME "cheapest"
#define VERSION "0.1.0"
#define TITLE "Pushes a message on the cheapest channels first"

// As settings.schema.json has them.
#define MOST_MIN 1
#define MOST_MAX 16  // No itinerary may have more steps.
#define MOST_DEFAULT 3
#define WAIT_MIN 1
#define WAIT_MAX 43200
#define WAIT_DEFAULT 60

#define STRING_OF(x) #x
#define STRING(x) STRING_OF(x)

// ---- What tools read without running anything -------------------------------------------------------

// Custom sections of the module: who this is, and the schema of its settings. The schema goes into the
// data, too, where `describe` finds it; it is written down once, in a file of its own.
__asm__(
    ".section \".custom_section.nudge-metadata\",\"\",@\n"
    ".ascii \"name: " NAME "\\n\"\n"
    ".ascii \"title: " TITLE "\\n\"\n"
    ".ascii \"version: " VERSION "\\n\"\n"
    ".ascii \"author: The Nudge developers\\n\"\n"
    ".ascii \"licence: Apache-2.0\\n\"\n"
    ".ascii \"source: \\n\"\n"
    ".section \".custom_section.nudge-settings-schema\",\"\",@\n"
    ".incbin \"settings.schema.json\"\n"
    ".section .rodata.schema,\"\",@\n"
    ".globl schema\n"
    "schema:\n"
    ".incbin \"settings.schema.json\"\n"
    ".int8 0\n"
    ".size schema, 1\n");
extern const char schema[];

// ---- Settings ---------------------------------------------------------------------------------------

typedef nudge_policy_types_issue_t issue;

enum { MOST, WAIT, SETTINGS };
static const struct setting {
  const char *name;
  uint32_t least, most;
  const char *wrong;
} SETTING[SETTINGS] = {
    [MOST] = {"most", MOST_MIN, MOST_MAX,
              "must be a whole number from " STRING(MOST_MIN) " to " STRING(MOST_MAX)},
    [WAIT] = {"wait_minutes", WAIT_MIN, WAIT_MAX,
              "must be a whole number from " STRING(WAIT_MIN) " to " STRING(WAIT_MAX)},
};

// What `configure` leaves for the question that follows it. The only state there is: the next question
// is asked in a fresh instance.
static uint32_t configured[SETTINGS] = {[MOST] = MOST_DEFAULT, [WAIT] = WAIT_DEFAULT};

enum { MOST_ISSUES = 16 };  // A person mends them one after the other anyway.
static issue issues[MOST_ISSUES];
static size_t issue_count;

// Something is wrong at a place, a JSON pointer: empty for the whole document.
static void wrong(text path, const char *why) {
  if (issue_count < MOST_ISSUES) issues[issue_count++] = (issue){path, literal(why)};
}

// `/name`, with `~` as `~0` and `/` as `~1`, as JSON pointers want them.
static text pointer(text name) {
  text path = {malloc(2 * name.len + 1), 0};
  path.ptr[path.len++] = '/';
  for (size_t i = 0; i < name.len; i++) {
    bool special = name.ptr[i] == '~' || name.ptr[i] == '/';
    path.ptr[path.len++] = special ? '~' : name.ptr[i];
    if (special) path.ptr[path.len++] = name.ptr[i] == '~' ? '0' : '1';
  }
  return path;
}

// Where in the settings the reader is.
static const uint8_t *at, *end;

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void pass_blanks(void) {
  while (at < end && is_blank(*at)) at++;
}

// Passes blanks and then, if it is next, this character.
static bool took(uint8_t wanted) {
  pass_blanks();
  if (at == end || *at != wanted) return false;
  at++;
  return true;
}

// Passes the rest of a text in quotes; answers what is in them, escapes as they are.
static text quoted(void) {
  const uint8_t *begin = at;
  while (at < end && *at != '"') at += *at == '\\' && at + 1 < end ? 2 : 1;
  text inside = {(uint8_t *)begin, (size_t)(at - begin)};
  if (at < end) at++;
  return inside;
}

// Passes a value of whatever kind, up to the comma or brace after it. Only its end matters here: what is
// not plain digits is refused, so nobody needs to know whether it was good JSON.
static text value(void) {
  pass_blanks();
  const uint8_t *begin = at;
  for (size_t depth = 0; at < end; at++) {
    if (depth == 0 && (*at == ',' || *at == '}')) break;
    if (*at == '[' || *at == '{') depth++;
    if ((*at == ']' || *at == '}') && depth > 0) depth--;
    if (*at == '"') {
      at++;
      quoted();
      at--;
    }
  }
  text found = {(uint8_t *)begin, (size_t)(at - begin)};
  while (found.len > 0 && is_blank(found.ptr[found.len - 1])) found.len--;
  return found;
}

// The number that is written here, if it is one that the setting may have. JSON has no zeros in front.
static bool number(text digits, const struct setting *of, uint32_t *out) {
  uint32_t sum = 0;
  if (digits.len == 0 || digits.len > 9 || (digits.len > 1 && digits.ptr[0] == '0')) return false;
  for (size_t i = 0; i < digits.len; i++) {
    if (digits.ptr[i] < '0' || digits.ptr[i] > '9') return false;
    sum = sum * 10 + (digits.ptr[i] - '0');
  }
  *out = sum;
  return sum >= of->least && sum <= of->most;
}

static void read_member(text name, bool given[SETTINGS]) {
  text found = value();
  for (size_t i = 0; i < SETTINGS; i++) {
    if (!same(name, literal(SETTING[i].name))) continue;
    if (given[i]) wrong(pointer(name), "is there twice");
    given[i] = true;
    if (!number(found, &SETTING[i], &configured[i])) wrong(pointer(name), SETTING[i].wrong);
    return;
  }
  // A setting that is spelled wrong must not be passed over in silence.
  wrong(pointer(name), "is no setting: there are `most` and `wait_minutes`");
}

// Answers what is wrong with the document as a whole, NULL if nothing is.
static const char *read_settings(text json) {
  bool given[SETTINGS] = {false};
  at = json.ptr;
  end = json.ptr + json.len;
  if (!took('{')) return "settings are a JSON object, such as {\"most\": 2}";
  if (!took('}')) {
    do {
      if (!took('"')) return "a name in quotes is missing";
      text name = quoted();
      if (!took(':')) return "a colon is missing";
      read_member(name, given);
    } while (took(','));
    if (!took('}')) return "the object does not end";
  }
  pass_blanks();
  return at < end ? "there is something after the object" : NULL;
}

// ---- The interface `policy` -------------------------------------------------------------------------

void exports_nudge_policy_policy_describe(exports_nudge_policy_policy_manifest_t *manifest) {
  manifest->name = literal(NAME);
  manifest->version = literal(VERSION);
  manifest->title = literal(TITLE);
  manifest->settings_schema = literal(schema);
}

// Answers the needs: fields of users or events, of which this policy wants to see none.
bool exports_nudge_policy_policy_configure(text *settings, exports_nudge_policy_policy_setup_t *setup,
                                           exports_nudge_policy_policy_list_issue_t *refused) {
  const char *broken = read_settings(*settings);
  if (broken != NULL) wrong(literal(""), broken);
  *setup = (exports_nudge_policy_policy_setup_t){0};
  *refused = (exports_nudge_policy_policy_list_issue_t){issues, issue_count};
  return issue_count == 0;
}

// ---- The interface `route` --------------------------------------------------------------------------

typedef exports_nudge_policy_route_request_t request;
typedef exports_nudge_policy_route_reading_t reading;
typedef exports_nudge_policy_route_itinerary_t itinerary;
typedef exports_nudge_policy_route_step_t step;

// The contract does not promise that a cost is a number. What is none comes last, so that the order is
// the same however the comparisons fall.
static bool is_cheaper(double a, double b) { return a < b || (a == a && b != b); }

static bool is_among(const reading *one, const reading *const *chosen, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (chosen[i] == one) return true;
  }
  return false;
}

// The channels for one message, at most `most`, which is at most MOST_MAX; answers how many.
static size_t choose(const request *asked, size_t most, const reading **chosen) {
  const reading *readings = asked->readings.ptr;
  size_t count = 0;
  for (size_t i = 0; i < asked->preferred.len && count < most; i++) {
    // What the user prefers need not be a channel of the tenant's, nor be named only once.
    for (size_t r = 0; r < asked->readings.len; r++) {
      if (!readings[r].available || !same(readings[r].channel, asked->preferred.ptr[i])) continue;
      if (!is_among(&readings[r], chosen, count)) chosen[count++] = &readings[r];
      break;
    }
  }
  // The others move up until something is before them that is not dearer. So ties keep the tenant's
  // order, and the work is in proportion to the number of channels: fuel is limited.
  size_t preferred = count;
  for (size_t r = 0; r < asked->readings.len; r++) {
    if (!readings[r].available || is_among(&readings[r], chosen, preferred)) continue;
    size_t place = count;
    while (place > preferred && is_cheaper(readings[r].cost, chosen[place - 1]->cost)) place--;
    if (place == most) continue;
    if (count < most) count++;
    for (size_t i = count - 1; i > place; i--) chosen[i] = chosen[i - 1];
    chosen[place] = &readings[r];
  }
  return count;
}

// An answer depends on its own request and on the settings alone: the host may cut batches anywhere.
void exports_nudge_policy_route_plan(exports_nudge_policy_route_list_request_t *requests,
                                     exports_nudge_policy_route_batch_t *users,
                                     exports_nudge_policy_route_list_itinerary_t *answer) {
  (void)users;  // Their columns are the needs that `configure` named, none.
  answer->len = requests->len;
  answer->ptr = malloc(requests->len * sizeof(itinerary));
  for (size_t row = 0; row < requests->len; row++) {
    const reading *chosen[MOST_MAX];
    size_t count = choose(&requests->ptr[row], configured[MOST], chosen);
    step *steps = malloc(count * sizeof(step));
    for (size_t i = 0; i < count; i++) {
      text *channel = malloc(sizeof(text));
      *channel = chosen[i]->channel;
      steps[i].channels = (cheapest_list_string_t){channel, 1};
      steps[i].wait = (uint64_t)configured[WAIT] * 60 * 1000;
    }
    // Without a step the host puts on record that no channel reaches the user. To have nothing sent for
    // another reason, a policy leaves the row out.
    answer->ptr[row] = (itinerary){
        .row = (uint32_t)row,
        .steps = {steps, count},
        .ends_at = EXPORTS_NUDGE_POLICY_ROUTE_GRADE_OPENED,
        .most_sends = (uint32_t)count,
    };
  }
}

// A wait is over: nothing is known of the user that could mean that it was received all the same.
void exports_nudge_policy_route_judge(exports_nudge_policy_route_list_overdue_t *steps,
                                      exports_nudge_policy_route_batch_t *users,
                                      exports_nudge_policy_route_list_verdict_t *answer) {
  (void)users;
  answer->len = steps->len;
  answer->ptr = malloc(steps->len * sizeof(*answer->ptr));
  for (size_t row = 0; row < steps->len; row++) {
    answer->ptr[row] = EXPORTS_NUDGE_POLICY_ROUTE_VERDICT_NOT_RECEIVED;
  }
}
