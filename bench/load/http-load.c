/*
 * Sends prepared HTTP requests over keep-alive connections and checks every answer. What the requests mean is the
 * caller's matter.
 *
 *   http-load --target IP:PORT --connections K --requests FILE [--mode closed|paced|record] [--seconds S] [--count N]
 *             [--rate R] [--picks FILE] [--own 1] [--expect-status 200] [--bodies FILE] [--acks FILE] [--reconnect 1]
 *             [--timeout-ms N] [--patience-ms N]
 *
 * FILE of requests: a line each, `METHOD TAB path TAB token or - TAB key TAB body`. In the body {{time__micros}} becomes
 * the time the request was due (16 digits) and {{seq__}} a count for each key (9 digits): lengths do not change.
 *   closed  each connection sends its next request when the last is answered; --own: connection i sends request i only
 *   paced   request n is due at n / R seconds; its connection is key modulo K, so requests of one key keep their order;
 *           latency counts from the time it was due
 *   record  every request once, in order; the bodies go to --bodies FILE, their ends (64 bit) to FILE.ends
 * --picks: a file of 32-bit numbers, the order in which requests are sent (again from the start at its end).
 * --bodies, when not recording: each body must equal the recorded one. --acks: a line for each answer,
 * `request TAB seq TAB status TAB top-level "id" or - TAB latency`.
 *
 * stdout, once all connections are open: {"connected":K}. A line on stdin starts the run; the answer is a JSON line.
 */
#define _GNU_SOURCE
#include "load.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#define TIME "{{time__micros}}"
#define SEQ "{{seq__}}"
#define MAX_ANSWER (64u << 20)
#define NONE UINT32_MAX

struct request {
  char *bytes;
  uint32_t length, key, time_at, seq_at; /* places in bytes, 0 when absent */
};

enum state { OFF, CONNECTING, IDLE, BUSY, WAITING };

struct connection {
  int fd;
  uint8_t state;
  bool head_done, chunked, has_length, closing;
  uint32_t request, seq, first, last; /* first and last: a queue of jobs */
  char *out;
  size_t out_length, out_sent;
  unsigned char *in;
  size_t have, room, head, body, raw; /* body: decoded so far (chunked) or wanted; raw: where the next chunk begins */
  unsigned status;
  uint64_t started_us, due_wall_us, again_us;
};

struct job {
  uint32_t request, next;
  uint64_t due_us;
};

static struct connection *connections;
static struct request *requests;
static struct targets targets;
static struct job *jobs;
static size_t connection_count = 1, request_count, job_count, jobs_room;
static uint32_t *picks, *seq_of_key;
static size_t pick_count, cursor;
static uint32_t key_limit;
static uint64_t count_limit = UINT64_MAX, timeout_us = 10000000, patience_us = 30000000, ends_us, began_us, began_wall_us;
static double rate, seconds = 10;
static bool own, reconnect, running;
static enum { CLOSED_LOOP, PACED, RECORD } mode;
static unsigned expected_status = 200;
static FILE *acks;
static const unsigned char *bodies;
static const uint64_t *body_ends;
static unsigned char **recorded;
static size_t *recorded_length;
static int epoll_fd, timer_fd;
static size_t ready_count, busy_count;

static struct {
  uint64_t sent, completed, in_time, right, wrong_body, bytes, closed, timeouts, refused, broken, statuses[600];
  struct histogram latency, lateness;
} tally;

static unsigned complaints;
static void complain(const char *what, const unsigned char *p, size_t n) {
  if (complaints++ < 5) fprintf(stderr, "http-load: %s: %.*s\n", what, (int)(n < 600 ? n : 600), (const char *)p);
}

static void fill(char *to, int digits, uint64_t value) {
  for (int i = digits - 1; i >= 0; i--, value /= 10) to[i] = (char)('0' + value % 10);
}

static void prepare_requests(const char *path) {
  struct lines lines = read_lines(path);
  request_count = lines.count;
  if (!request_count) fail(path, "no requests");
  requests = grow(NULL, request_count * sizeof *requests);
  for (size_t i = 0; i < request_count; i++) {
    char *field[5] = {lines.at[i]};
    for (int f = 1; f < 5; f++) {
      char *tab = strchr(field[f - 1], '\t');
      if (!tab) fail("a request needs five fields, TAB between", lines.at[i]);
      *tab = 0;
      field[f] = tab + 1;
    }
    size_t body = strlen(field[4]), room = body + strlen(field[1]) + strlen(field[2]) + 512;
    struct request *r = &requests[i];
    memset(r, 0, sizeof *r);
    r->bytes = grow(NULL, room);
    char *p = r->bytes;
    p += sprintf(p, "%s %s HTTP/1.1\r\nHost: %s\r\n", field[0], field[1], targets.at[0].host);
    if (strcmp(field[2], "-")) p += sprintf(p, "Authorization: Bearer %s\r\n", field[2]);
    if (body) p += sprintf(p, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body);
    else if (strcmp(field[0], "GET")) p += sprintf(p, "Content-Length: 0\r\n");
    p += sprintf(p, "\r\n%s", field[4]);
    r->length = (uint32_t)(p - r->bytes);
    r->bytes = grow(r->bytes, r->length + 1);
    r->key = (uint32_t)strtoul(field[3], NULL, 10);
    char *at = strstr(r->bytes, TIME);
    if (at) r->time_at = (uint32_t)(at - r->bytes);
    at = strstr(r->bytes, SEQ);
    if (at) r->seq_at = (uint32_t)(at - r->bytes);
    if (r->key >= key_limit) key_limit = r->key + 1;
  }
  if (key_limit > 1u << 26) fail("keys must be below 67,108,864", NULL);
  seq_of_key = grow(NULL, key_limit * sizeof *seq_of_key);
  memset(seq_of_key, 0, key_limit * sizeof *seq_of_key);
  free(lines.text);
  free(lines.at);
}

static const void *map_file(const char *path, size_t *size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat s;
  if (fd < 0 || fstat(fd, &s) < 0) fail(path, strerror(errno));
  *size = (size_t)s.st_size;
  void *p = *size ? mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
  if (p == MAP_FAILED) fail(path, strerror(errno));
  close(fd);
  return p;
}

static void watch(struct connection *c, uint32_t events, int how) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)(c - connections) + 2};
  epoll_ctl(epoll_fd, how, c->fd, &event);
}

static void connect_one(struct connection *c) {
  c->fd = open_socket(&targets.at[(size_t)(c - connections) % (size_t)targets.count], (uint64_t)(c - connections));
  if (c->fd < 0) {
    if (!reconnect) fail("cannot connect", strerror(errno));
    tally.refused++;
    c->state = WAITING;
    c->again_us = steady_us() + 20000;
    return;
  }
  c->state = CONNECTING;
  watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

static void lose(struct connection *c, uint64_t *counter) {
  if (c->state == BUSY) {
    busy_count--;
    if (counter) (*counter)++;
    if (acks) fprintf(acks, "%" PRIu32 "\t%" PRIu32 "\t0\t-\t0\n", c->request, c->seq);
  }
  if (c->state == IDLE || c->state == BUSY) ready_count--;
  close(c->fd);
  c->fd = -1;
  c->have = 0;
  c->state = OFF;
  if (!reconnect && !c->closing && (running || ready_count < connection_count)) complain("a connection was lost", (const unsigned char *)"", 0);
  if (!running && !reconnect) fail("a connection was lost before the run", NULL);
  if (reconnect || c->closing) {
    c->state = WAITING;
    c->again_us = steady_us() + (c->closing ? 0 : 20000);
  }
  c->closing = false;
}

static void push_out(struct connection *c) {
  while (c->out_sent < c->out_length) {
    ssize_t sent = send(c->fd, c->out + c->out_sent, c->out_length - c->out_sent, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) {
      watch(c, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
      return;
    }
    if (sent < 0) {
      lose(c, &tally.closed);
      return;
    }
    c->out_sent += (size_t)sent;
  }
}

static void send_request(struct connection *c, uint32_t nth, uint64_t due_us) {
  struct request *r = &requests[nth];
  if (c->out_length < r->length || !c->out) c->out = grow(c->out, r->length + 64);
  memcpy(c->out, r->bytes, r->length);
  c->out_length = r->length;
  c->out_sent = 0;
  c->request = nth;
  c->seq = r->seq_at ? seq_of_key[r->key]++ : 0;
  c->started_us = due_us;
  c->due_wall_us = began_wall_us + (due_us - began_us);
  if (r->time_at) fill(c->out + r->time_at, 16, c->due_wall_us);
  if (r->seq_at) fill(c->out + r->seq_at, 9, c->seq);
  c->state = BUSY;
  c->have = 0;
  c->head_done = false;
  busy_count++;
  tally.sent++;
  push_out(c);
}

/* The digits of "id":"..." at the top level of a JSON object: an id of something inside it is not the answer's. */
static size_t top_level_id(const unsigned char *p, size_t n, const unsigned char **out) {
  int depth = 0;
  for (size_t i = 0; i < n; i++) {
    if (p[i] == '{' || p[i] == '[') depth++;
    else if (p[i] == '}' || p[i] == ']') depth--;
    else if (p[i] == '"') {
      if (depth == 1 && n - i > 6 && !memcmp(p + i, "\"id\":\"", 6)) {
        size_t from = i + 6, to = from;
        while (to < n && p[to] >= '0' && p[to] <= '9') to++;
        *out = p + from;
        return to - from;
      }
      for (i++; i < n && p[i] != '"'; i++)
        if (p[i] == '\\') i++;
    }
  }
  return 0;
}

static void next_closed(struct connection *c, uint64_t now) {
  if (!running || now >= ends_us || tally.sent >= count_limit) return;
  uint32_t nth = own ? (uint32_t)((size_t)(c - connections) % request_count)
                     : (uint32_t)(picks ? picks[cursor++ % pick_count] : cursor++ % request_count);
  send_request(c, nth, now);
}

static void next_queued(struct connection *c) {
  if (c->first == NONE || c->state != IDLE) return;
  struct job *j = &jobs[c->first];
  c->first = j->next;
  if (c->first == NONE) c->last = NONE;
  uint64_t now = steady_us();
  observe(&tally.lateness, now > j->due_us ? now - j->due_us : 0);
  send_request(c, j->request, j->due_us);
}

static void answered(struct connection *c, const unsigned char *body, size_t length) {
  uint64_t now = steady_us(), latency = now - c->started_us;
  busy_count--;
  c->state = IDLE;
  tally.completed++;
  if (mode == PACED || now < ends_us) tally.in_time++;
  tally.bytes += length;
  tally.statuses[c->status < 600 ? c->status : 599]++;
  observe(&tally.latency, latency);
  if (c->status != expected_status) complain("status not expected", c->in, c->have);
  else if (bodies) {
    uint64_t from = c->request ? body_ends[c->request - 1] : 0, to = body_ends[c->request];
    if (to - from == length && !memcmp(bodies + from, body, length)) tally.right++;
    else {
      tally.wrong_body++;
      complain("body differs from the recorded one", body, length);
    }
  } else tally.right++;
  if (mode == RECORD) {
    recorded[c->request] = grow(NULL, length + 1);
    memcpy(recorded[c->request], body, length);
    recorded_length[c->request] = length;
  }
  if (acks) {
    const unsigned char *id = NULL;
    size_t digits = c->status == expected_status ? top_level_id(body, length, &id) : 0;
    fprintf(acks, "%" PRIu32 "\t%" PRIu32 "\t%u\t%.*s\t%" PRIu64 "\n", c->request, c->seq, c->status, digits ? (int)digits : 1,
            digits ? (const char *)id : "-", latency);
  }
  if (c->closing) {
    lose(c, NULL);
    return;
  }
  if (mode == PACED) next_queued(c);
  else next_closed(c, now);
}

static bool read_head(struct connection *c) {
  unsigned char *stop = memmem(c->in, c->have, "\r\n\r\n", 4);
  if (!stop) return false;
  c->head = (size_t)(stop - c->in) + 4;
  c->status = c->head > 12 && !memcmp(c->in, "HTTP/1.1 ", 9) ? (unsigned)atoi((char *)c->in + 9) : 0;
  c->chunked = c->has_length = false;
  c->body = 0;
  for (unsigned char *line = memmem(c->in, c->head, "\r\n", 2); line && line < stop;) {
    char *name = (char *)line + 2;
    if (!strncasecmp(name, "content-length:", 15)) {
      c->body = strtoull(name + 15, NULL, 10);
      c->has_length = true;
    } else if (!strncasecmp(name, "transfer-encoding:", 18)) c->chunked = true;
    else if (!strncasecmp(name, "connection: close", 17)) c->closing = true;
    line = memmem(name, (size_t)(stop + 2 - (unsigned char *)name), "\r\n", 2);
  }
  c->raw = c->head;
  c->head_done = true;
  return true;
}

/* Moves chunks together behind the head. 1: the last one is in; 0: more to come; -1: not chunks. */
static int read_chunks(struct connection *c) {
  for (;;) {
    unsigned char *line = c->in + c->raw, *stop = memmem(line, c->have - c->raw, "\r\n", 2);
    if (!stop) return c->have - c->raw > 64 ? -1 : 0;
    char *after;
    size_t length = strtoull((char *)line, &after, 16), data = (size_t)(stop + 2 - c->in);
    if (after == (char *)line || length > MAX_ANSWER) return -1;
    if (c->have < data + length + 2) return 0;
    if (memcmp(c->in + data + length, "\r\n", 2)) return -1;
    memmove(c->in + c->head + c->body, c->in + data, length);
    c->body += length;
    c->raw = data + length + 2;
    if (!length) return c->raw == c->have ? 1 : -1;
  }
}

static void on_readable(struct connection *c) {
  if (c->room - c->have < 65536) {
    c->room = c->have + 131072;
    c->in = grow(c->in, c->room);
  }
  ssize_t got = recv(c->fd, c->in + c->have, c->room - c->have - 1, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 || c->state != BUSY || c->have + (size_t)got > MAX_ANSWER) {
    if (got > 0) {
      tally.broken++;
      complain("bytes nobody asked for", c->in + c->have, (size_t)got);
    }
    lose(c, &tally.closed);
    return;
  }
  c->have += (size_t)got;
  c->in[c->have] = 0;
  if (!c->head_done && !read_head(c)) return;
  int done;
  if (c->chunked) done = read_chunks(c);
  else if (!c->has_length && c->status != 204 && c->status != 304) done = -1;
  else done = c->have == c->head + c->body ? 1 : c->have > c->head + c->body ? -1 : 0;
  if (done < 0) {
    complain("an answer that is not HTTP/1.1 with a length or chunks", c->in, c->have);
    lose(c, &tally.broken);
  } else if (done) answered(c, c->in + c->head, c->body);
}

static void on_event(struct connection *c, uint32_t events) {
  if (c->state == OFF || c->state == WAITING) return;
  if (c->state == CONNECTING) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
      if (!reconnect) fail("cannot connect", strerror(error));
      tally.refused++;
      close(c->fd);
      c->state = WAITING;
      c->again_us = steady_us() + 20000;
      return;
    }
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    c->state = IDLE;
    ready_count++;
    if (mode == PACED) next_queued(c);
    else next_closed(c, steady_us());
    return;
  }
  if (events & EPOLLOUT && c->state == BUSY) {
    watch(c, EPOLLIN, EPOLL_CTL_MOD);
    push_out(c);
    if (c->state != BUSY) return;
  }
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) on_readable(c);
}

static void release_due(void) {
  uint64_t now = steady_us();
  while (job_count < count_limit) {
    uint64_t due = began_us + (uint64_t)((double)job_count * 1e6 / rate);
    if (due > now || due >= ends_us) break;
    if (job_count == jobs_room) {
      jobs_room = jobs_room ? jobs_room * 2 : 4096;
      jobs = grow(jobs, jobs_room * sizeof *jobs);
    }
    uint32_t nth = (uint32_t)(picks ? picks[cursor++ % pick_count] : cursor++ % request_count);
    jobs[job_count] = (struct job){.request = nth, .next = NONE, .due_us = due};
    struct connection *c = &connections[requests[nth].key % connection_count];
    if (c->last == NONE) c->first = (uint32_t)job_count;
    else jobs[c->last].next = (uint32_t)job_count;
    c->last = (uint32_t)job_count++;
    next_queued(c);
  }
  uint64_t due = began_us + (uint64_t)((double)job_count * 1e6 / rate);
  if (job_count >= count_limit || due >= ends_us) return;
  struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due / 1000000), .tv_nsec = (long)(due % 1000000) * 1000}};
  timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static bool waiting_jobs(void) {
  for (size_t i = 0; i < connection_count; i++)
    if (connections[i].first != NONE) return true;
  return false;
}

static void check_clocks(uint64_t now) {
  for (size_t i = 0; i < connection_count; i++) {
    struct connection *c = &connections[i];
    if (c->state == BUSY && now > c->started_us + timeout_us) {
      bool may = reconnect;
      reconnect = true; /* a request without an answer costs its connection, not the run */
      lose(c, &tally.timeouts);
      reconnect = may;
    } else if (c->state == WAITING && now >= c->again_us && running) connect_one(c);
  }
}

static void print_result(double took) {
  printf("{\"connections\":%zu,\"sent\":%" PRIu64 ",\"completed\":%" PRIu64 ",\"inTime\":%" PRIu64 ",\"right\":%" PRIu64
         ",\"wrongBody\":%" PRIu64 ",\"bodyBytes\":%" PRIu64 ",\"seconds\":%.6f,\"closed\":%" PRIu64 ",\"timeouts\":%" PRIu64
         ",\"refused\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"statuses\":{",
         connection_count, tally.sent, tally.completed, tally.in_time, tally.right, tally.wrong_body, tally.bytes, took,
         tally.closed, tally.timeouts, tally.refused, tally.broken);
  bool comma = false;
  for (unsigned i = 0; i < 600; i++)
    if (tally.statuses[i]) {
      printf("%s\"%u\":%" PRIu64, comma ? "," : "", i, tally.statuses[i]);
      comma = true;
    }
  printf("},");
  print_histogram(stdout, "latency", &tally.latency);
  printf(",");
  print_histogram(stdout, "lateness", &tally.lateness);
  printf("}\n");
  fflush(stdout);
}

static void write_recorded(const char *path) {
  char ends_path[2048];
  snprintf(ends_path, sizeof ends_path, "%s.ends", path);
  FILE *f = fopen(path, "wb"), *ends = fopen(ends_path, "wb");
  if (!f || !ends) fail(path, strerror(errno));
  uint64_t end = 0;
  for (size_t i = 0; i < request_count; i++) {
    end += recorded_length[i];
    if ((recorded_length[i] && fwrite(recorded[i], 1, recorded_length[i], f) != recorded_length[i]) ||
        fwrite(&end, sizeof end, 1, ends) != 1)
      fail(path, "could not be written");
  }
  if (fclose(f) || fclose(ends)) fail(path, strerror(errno));
}

static void begin_run(void) {
  running = true;
  began_us = steady_us();
  began_wall_us = wall_us();
  ends_us = began_us + (uint64_t)(seconds * 1e6);
  for (size_t i = 0; i < connection_count && mode != PACED; i++)
    if (connections[i].state == IDLE) next_closed(&connections[i], steady_us());
  if (mode == PACED) release_due();
}

int main(int argc, char **argv) {
  const char *requests_path = NULL, *picks_path = NULL, *bodies_path = NULL;
  for (int i = 1; i + 1 < argc; i += 2) {
    char *value = argv[i + 1];
    if (!strcmp(argv[i], "--target")) parse_targets(value, &targets);
    else if (!strcmp(argv[i], "--connections")) connection_count = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--requests")) requests_path = value;
    else if (!strcmp(argv[i], "--mode"))
      mode = !strcmp(value, "paced") ? PACED : !strcmp(value, "record") ? RECORD : CLOSED_LOOP;
    else if (!strcmp(argv[i], "--seconds")) seconds = strtod(value, NULL);
    else if (!strcmp(argv[i], "--count")) count_limit = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--rate")) rate = strtod(value, NULL);
    else if (!strcmp(argv[i], "--picks")) picks_path = value;
    else if (!strcmp(argv[i], "--own")) own = *value == '1';
    else if (!strcmp(argv[i], "--reconnect")) reconnect = *value == '1';
    else if (!strcmp(argv[i], "--expect-status")) expected_status = (unsigned)atoi(value);
    else if (!strcmp(argv[i], "--bodies")) bodies_path = value;
    else if (!strcmp(argv[i], "--timeout-ms")) timeout_us = strtoull(value, NULL, 10) * 1000;
    else if (!strcmp(argv[i], "--patience-ms")) patience_us = strtoull(value, NULL, 10) * 1000;
    else if (!strcmp(argv[i], "--acks")) {
      acks = fopen(value, "wb");
      if (!acks) fail(value, strerror(errno));
    } else fail("unknown option", argv[i]);
  }
  if (argc % 2 == 0 || !targets.count || !requests_path || !connection_count) fail("--target and --requests are needed", NULL);
  if (mode == PACED && rate <= 0) fail("--mode paced needs --rate", NULL);
  allow_files(connection_count);
  signal(SIGPIPE, SIG_IGN);
  prepare_requests(requests_path);
  if (picks_path) {
    size_t size;
    picks = (uint32_t *)map_file(picks_path, &size);
    pick_count = size / sizeof *picks;
    if (!pick_count) fail(picks_path, "is empty");
    for (size_t i = 0; i < pick_count; i++)
      if (picks[i] >= request_count) fail(picks_path, "names a request that is not there");
  }
  if (mode == RECORD) {
    if (!bodies_path) fail("--mode record needs --bodies", NULL);
    count_limit = request_count;
    seconds = 3600;
    recorded = grow(NULL, request_count * sizeof *recorded);
    recorded_length = grow(NULL, request_count * sizeof *recorded_length);
    memset(recorded_length, 0, request_count * sizeof *recorded_length);
  } else if (bodies_path) {
    char ends_path[2048];
    size_t size, ends;
    snprintf(ends_path, sizeof ends_path, "%s.ends", bodies_path);
    bodies = map_file(bodies_path, &size);
    body_ends = map_file(ends_path, &ends);
    if (ends != request_count * sizeof *body_ends || body_ends[request_count - 1] != size) fail(bodies_path, "is of other requests");
  }

  connections = grow(NULL, connection_count * sizeof *connections);
  memset(connections, 0, connection_count * sizeof *connections);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event);
  event.data.u64 = 1;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer_fd, &event);
  for (size_t i = 0; i < connection_count; i++) {
    connections[i].first = connections[i].last = NONE;
    connect_one(&connections[i]);
  }

  bool told = false;
  uint64_t started = steady_us(), checked = 0;
  for (;;) {
    uint64_t now = steady_us();
    if (!told && ready_count == connection_count) {
      printf("{\"connected\":%zu}\n", connection_count);
      fflush(stdout);
      told = true;
    }
    if (!told && now - started > patience_us) fail("not all connections opened in time", NULL);
    if (now - checked > 10000) {
      check_clocks(now);
      checked = now;
    }
    bool spent = now >= ends_us || (mode == PACED ? job_count : tally.sent) >= count_limit;
    if (running && spent && !busy_count && (mode != PACED || !waiting_jobs())) break;
    if (running && now > ends_us + timeout_us) break;
    if (running && !reconnect && !ready_count && !busy_count) break;
    struct epoll_event events[256];
    int ready = epoll_wait(epoll_fd, events, 256, 20);
    if (ready < 0 && errno != EINTR) fail("epoll_wait", strerror(errno));
    for (int i = 0; i < ready; i++) {
      if (events[i].data.u64 > 1) on_event(&connections[events[i].data.u64 - 2], events[i].events);
      else if (events[i].data.u64 == 1) {
        uint64_t fired;
        if (read(timer_fd, &fired, sizeof fired) > 0) release_due();
      } else {
        char line[64];
        if (read(0, line, sizeof line) <= 0) return 1;
        if (!running) begin_run();
      }
    }
  }
  uint64_t done = steady_us();
  if (mode == RECORD) write_recorded(bodies_path);
  if (acks && fclose(acks)) fail("--acks", strerror(errno));
  print_result((double)((done < ends_us || mode == RECORD ? done : ends_us) - began_us) / 1e6);
  return 0;
}
