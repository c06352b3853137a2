/*
 * Holds WebSocket connections and checks every frame they receive. It never posts: that is http-load's part.
 *
 *   ws-load --target IP:PORT[,IP:PORT] --connections FILE --texts FILE [--acct-prefix u] [--record FILE]
 *           [--opening N] [--patience-ms N] [--protocol NAME] [--greet TEXT] [--update TEXT]
 *           [--stalled N] [--slow N] [--slow-ms N]
 *
 * FILE of connections: a line each, `path TAB token` (an empty token sends none). FILE of texts: a line each.
 * --protocol asks for a subprotocol; binary frames are events of murmuration.compact.v1. --greet is said once a connection is open.
 * --stalled N: the first N never read once they are open, and have little room; they count nothing. --slow N: the next N read what has come
 * every --slow-ms (2000) only.
 * What has the text of --update in it is an update ("event":"update" unless told).
 * A post's text is `qz<author>x<seq>x<microseconds>zq <text number (author + seq) modulo the texts>`. For every
 * "update" event the marker is found, and checked are: the text behind it, the author's handle (with --acct-prefix),
 * and that seq rises for this author on this connection. Latency is now minus the marker's time (CLOCK_REALTIME).
 *
 * stdout, once all are open: a JSON line {"connected":..,"failed":..}. Then commands, a line each on stdin:
 *   begin                                      counters to zero (what was last seen of each author stays)
 *   report EXPECTED QUIET_MS LIMIT_MS FILE     when EXPECTED deliveries are in and 300 ms pass without another, or
 *                                              QUIET_MS pass without one, or LIMIT_MS pass: a JSON line, and FILE with
 *                                              two 64-bit little-endian numbers a connection: deliveries, sum of hashes
 * End of stdin or SIGTERM ends it.
 */
#define _GNU_SOURCE
#include "ws.h"
#include <signal.h>

#define MAX_FRAME (16u << 20)

enum state { UNUSED, CONNECTING, UPGRADING, OPEN, CLOSED };

struct seen {
  uint32_t author_plus_one, seq;
};

struct text {
  unsigned char *bytes;
  size_t have, room;
};

struct connection {
  int fd;
  uint8_t state;
  uint8_t seen_bits; /* the table of authors has 1 << seen_bits places */
  uint32_t seen_count;
  struct seen *seen;
  struct text rest;      /* an unfinished frame */
  struct text *fragments; /* an unfinished message of several frames: rare */
  uint64_t deliveries, hashes;
};

static struct connection *connections;
static struct lines paths, texts;
static struct targets targets;
static size_t opened, failed, closed_count, opening;
static size_t stalled, slow;
static int epoll_fd;
static const char *acct_prefix;
static size_t acct_prefix_length;
static const char *record_path, *protocol, *greeting, *update_mark = "\"event\":\"update\"";
static volatile sig_atomic_t stopping;

static struct {
  uint64_t frames, deliveries, bytes, payload_bytes, other_events, duplicates, out_of_order, wrong_content, unmarked, pings,
      broken, last_us;
  struct histogram latency;
} seen_now;

static unsigned complaints;
static void complain(const char *what, size_t nth, const unsigned char *p, size_t n) {
  if (complaints++ < 5) fprintf(stderr, "ws-load: connection %zu: %s: %.*s\n", nth, what, (int)(n < 400 ? n : 400), (const char *)p);
}

static struct seen *find_seen(struct connection *c, uint32_t author) {
  uint32_t mask = (1u << c->seen_bits) - 1u, at = (author * 2654435761u) >> 7 & mask;
  while (c->seen[at].author_plus_one && c->seen[at].author_plus_one != author + 1u) at = (at + 1u) & mask;
  return &c->seen[at];
}

/* 0: newer than all before; 1: seen last time already; 2: older than what came before. */
static int note_seq(struct connection *c, uint32_t author, uint32_t seq) {
  if (!c->seen || c->seen_count * 4u >= 3u << c->seen_bits) {
    struct seen *old = c->seen;
    uint32_t places = old ? 1u << c->seen_bits : 0;
    c->seen_bits = old ? c->seen_bits + 1 : 3;
    c->seen = grow(NULL, sizeof *c->seen << c->seen_bits);
    memset(c->seen, 0, sizeof *c->seen << c->seen_bits);
    for (uint32_t i = 0; i < places; i++)
      if (old[i].author_plus_one) *find_seen(c, old[i].author_plus_one - 1u) = old[i];
    free(old);
  }
  struct seen *s = find_seen(c, author);
  if (!s->author_plus_one) {
    s->author_plus_one = author + 1u;
    s->seq = seq;
    c->seen_count++;
    return 0;
  }
  if (seq == s->seq) return 1;
  if (seq < s->seq) return 2;
  s->seq = seq;
  return 0;
}

static void on_update(struct connection *c, size_t nth, const unsigned char *p, size_t n, uint64_t now, bool is_binary) {
  const unsigned char *end = p + n;
  struct marker mark;
  const unsigned char *q = find_marker(p, end, &mark);
  if (!q) {
    seen_now.unmarked++;
    complain("an update without a marker", nth, p, n);
    return;
  }
  uint64_t author = mark.author, seq = mark.seq, sent = mark.sent;
  c->deliveries++;
  c->hashes += hash_post(author, seq);
  seen_now.deliveries++;
  seen_now.payload_bytes += n;
  seen_now.last_us = steady_us();
  /* What is late because it was not read says nothing. */
  if (nth >= stalled + slow) observe(&seen_now.latency, now > sent ? now - sent : 0);
  const char *expected = texts.at[(author + seq) % texts.count];
  size_t length = strlen(expected);
  bool right = (size_t)(end - q) > length + 1 && *q == ' ' && !memcmp(q + 1, expected, length);
  /* A compact event names its author by id alone once the connection has been told who that is. */
  if (right && acct_prefix && !is_binary) {
    char acct[64];
    int wrote = snprintf(acct, sizeof acct, "\\\"acct\\\":\\\"%s%" PRIu64 "\\\"", acct_prefix, author);
    right = memmem(p, n, acct, (size_t)wrote) != NULL;
  }
  if (!right) {
    seen_now.wrong_content++;
    complain("content differs", nth, p, n);
  }
  int order = note_seq(c, (uint32_t)author, (uint32_t)seq);
  if (order == 1) seen_now.duplicates++;
  if (order == 2) seen_now.out_of_order++;
  if (order) complain(order == 1 ? "a post came twice" : "an older post after a newer one", nth, q, length);
  if (record_path) {
    FILE *f = fopen(record_path, "wb");
    if (!f || fwrite(p, 1, n, f) != n || fclose(f)) fail(record_path, "could not be written");
    record_path = NULL;
  }
}

static void on_text(struct connection *c, size_t nth, const unsigned char *p, size_t n, uint64_t now) {
  if (memmem(p, n, update_mark, strlen(update_mark))) on_update(c, nth, p, n, now, false);
  else seen_now.other_events++;
}

/* [1, stream, cursor, status] is an update: a list of less than 16, and in it first the number one. */
static void on_binary(struct connection *c, size_t nth, const unsigned char *p, size_t n, uint64_t now) {
  if (n > 2 && (p[0] & 0xf0u) == 0x90 && p[1] == 1) on_update(c, nth, p, n, now, true);
  else seen_now.other_events++;
}

static void drop(struct connection *c, const char *why) {
  if (c->state == OPEN && (size_t)(c - connections) < stalled) {
    /* As was to be expected. */
  } else if (c->state == OPEN) {
    closed_count++;
    if (complaints++ < 5) fprintf(stderr, "ws-load: connection %zu closed: %s\n", (size_t)(c - connections), why);
  } else if (c->state != CLOSED) {
    failed++;
    opening--;
    if (complaints++ < 5) fprintf(stderr, "ws-load: connection %zu not opened: %s\n", (size_t)(c - connections), why);
  }
  c->state = CLOSED;
  close(c->fd);
  c->fd = -1;
  free(c->rest.bytes);
  memset(&c->rest, 0, sizeof c->rest);
}

static void send_control(struct connection *c, unsigned opcode, const unsigned char *p, size_t n) {
  if (!send_control_frame(c->fd, opcode, p, n)) drop(c, "control frame not sent");
}

static void append(struct text *t, const unsigned char *p, size_t n) {
  if (t->have + n > t->room) {
    t->room = t->have + n + 512;
    t->bytes = grow(t->bytes, t->room);
  }
  memcpy(t->bytes + t->have, p, n);
  t->have += n;
}

static void on_frame(struct connection *c, unsigned head, const unsigned char *p, size_t n, uint64_t now) {
  unsigned opcode = head & 15u;
  bool last = head & 0x80u;
  size_t nth = (size_t)(c - connections);
  seen_now.frames++;
  if (opcode == 9) {
    seen_now.pings++;
    if (n <= 125) send_control(c, 10, p, n);
  } else if (opcode == 8) {
    send_control(c, 8, p, n < 2 ? 0 : 2);
    if (c->state == OPEN) drop(c, "the server said close");
  } else if (opcode == 1 && last) {
    on_text(c, nth, p, n, now);
  } else if (opcode == 2 && last) {
    on_binary(c, nth, p, n, now);
  } else if (opcode == 1 || (opcode == 0 && c->fragments)) {
    if (!c->fragments) {
      c->fragments = grow(NULL, sizeof *c->fragments);
      memset(c->fragments, 0, sizeof *c->fragments);
    }
    append(c->fragments, p, n);
    if (c->fragments->have > MAX_FRAME) drop(c, "message too long");
    else if (last) {
      on_text(c, nth, c->fragments->bytes, c->fragments->have, now);
      free(c->fragments->bytes);
      free(c->fragments);
      c->fragments = NULL;
    }
  } else if (opcode != 10) {
    seen_now.broken++;
    complain("a frame of a kind not expected", nth, p, n);
  }
}

/* Handles every whole frame in p; returns how many bytes of it are used up. */
static size_t take_frames(struct connection *c, const unsigned char *p, size_t n, uint64_t now) {
  size_t used = 0;
  struct frame f;
  while (c->state == OPEN) {
    int is_whole = read_frame(p + used, n - used, MAX_FRAME, &f);
    if (is_whole == 0) break;
    if (is_whole < 0) {
      seen_now.broken++;
      drop(c, "reserved bits, a mask, or a frame too long");
      break;
    }
    on_frame(c, f.first, f.payload, f.length, now);
    used += f.whole;
  }
  return used;
}

/* Returns how many bytes the answer to the upgrade takes, 0 while it is unfinished. */
static size_t take_upgrade(struct connection *c, const unsigned char *p, size_t n) {
  ssize_t head = upgrade_answer(p, n);
  if (head < 0) {
    complain("upgrade refused", (size_t)(c - connections), p, n);
    drop(c, head == -2 ? "endless answer to the upgrade" : "refused");
  }
  if (head <= 0) return 0;
  c->state = OPEN;
  opening--;
  opened++;
  size_t nth = (size_t)(c - connections);
  if (nth < stalled) {
    int room = 4096;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  }
  struct epoll_event quiet = {.events = 0, .data.u64 = nth + 1};
  if (nth < stalled + slow) epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &quiet);
  if (greeting && !send_control_frame(c->fd, 1, (const unsigned char *)greeting, strlen(greeting))) drop(c, "greeting not sent");
  return (size_t)head;
}

static void on_bytes(struct connection *c, unsigned char *p, size_t n) {
  uint64_t now = wall_us();
  seen_now.bytes += n;
  if (c->rest.have) {
    append(&c->rest, p, n);
    p = c->rest.bytes;
    n = c->rest.have;
  }
  size_t used = 0;
  if (c->state == UPGRADING) used = take_upgrade(c, p, n);
  if (c->state == OPEN) used += take_frames(c, p + used, n - used, now);
  if (c->state == CLOSED) return;
  if (p == c->rest.bytes) {
    memmove(p, p + used, n - used);
    c->rest.have = n - used;
    if (!c->rest.have) {
      free(c->rest.bytes);
      memset(&c->rest, 0, sizeof c->rest);
    }
  } else if (used < n) {
    append(&c->rest, p + used, n - used);
  }
}

static void start_upgrade(struct connection *c) {
  size_t nth = (size_t)(c - connections);
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
    drop(c, strerror(error));
    return;
  }
  char path[2048], request[4096], more[256] = "";
  if (protocol) snprintf(more, sizeof more, "Sec-WebSocket-Protocol: %s\r\n", protocol);
  snprintf(path, sizeof path, "%s", paths.at[nth]);
  char *tab = strchr(path, '\t');
  if (tab) *tab = 0;
  size_t wrote = upgrade_request(request, sizeof request, path, targets.at[nth % (size_t)targets.count].host, tab ? tab + 1 : "", more);
  if (!wrote || send(c->fd, request, wrote, MSG_NOSIGNAL) != (ssize_t)wrote) {
    drop(c, "request not sent");
    return;
  }
  c->state = UPGRADING;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = nth + 1};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

static void open_one(size_t nth) {
  struct connection *c = &connections[nth];
  c->fd = open_socket(&targets.at[nth % (size_t)targets.count], nth / (size_t)targets.count);
  c->state = CONNECTING;
  opening++;
  if (c->fd < 0) {
    drop(c, strerror(errno));
    return;
  }
  struct epoll_event event = {.events = EPOLLOUT, .data.u64 = nth + 1};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void on_event(size_t nth, uint32_t events) {
  static unsigned char buffer[1 << 18];
  struct connection *c = &connections[nth];
  if (c->state == CONNECTING) {
    start_upgrade(c);
    return;
  }
  if (c->state == OPEN && nth < stalled) {
    drop(c, "cut off");
    return;
  }
  if (c->state == CLOSED || c->state == UNUSED || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP))) return;
  ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
  if (got > 0) on_bytes(c, buffer, (size_t)got);
  else if (got == 0) drop(c, "end of stream");
  else if (errno != EAGAIN && errno != EINTR) drop(c, strerror(errno));
}

/* All that has come for the slow ones. */
static void read_slow(void) {
  for (size_t nth = stalled; nth < stalled + slow && nth < paths.count; nth++)
    for (uint64_t before = 1; connections[nth].state == OPEN && before;) {
      before = seen_now.bytes;
      on_event(nth, EPOLLIN);
      before = seen_now.bytes - before;
    }
}

static struct {
  bool asked;
  uint64_t expected, quiet_us, limit_us, since;
  char path[1024];
} report;

static void print_report(void) {
  FILE *f = fopen(report.path, "wb");
  if (!f) fail(report.path, strerror(errno));
  for (size_t i = 0; i < paths.count; i++) {
    uint64_t pair[2] = {connections[i].deliveries, connections[i].hashes};
    if (fwrite(pair, sizeof pair, 1, f) != 1) fail(report.path, "could not be written");
  }
  if (fclose(f)) fail(report.path, strerror(errno));
  printf("{\"connected\":%zu,\"failed\":%zu,\"closed\":%zu,\"frames\":%" PRIu64 ",\"deliveries\":%" PRIu64 ",\"bytes\":%" PRIu64
         ",\"payloadBytes\":%" PRIu64 ",\"otherEvents\":%" PRIu64 ",\"duplicates\":%" PRIu64 ",\"outOfOrder\":%" PRIu64
         ",\"wrongContent\":%" PRIu64 ",\"unmarked\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"pings\":%" PRIu64 ",",
         opened - closed_count, failed, closed_count, seen_now.frames, seen_now.deliveries, seen_now.bytes, seen_now.payload_bytes,
         seen_now.other_events, seen_now.duplicates, seen_now.out_of_order, seen_now.wrong_content, seen_now.unmarked,
         seen_now.broken, seen_now.pings);
  print_histogram(stdout, "latency", &seen_now.latency);
  printf("}\n");
  fflush(stdout);
  report.asked = false;
}

static void check_report(void) {
  if (!report.asked) return;
  uint64_t now = steady_us(), last = seen_now.last_us > report.since ? seen_now.last_us : report.since;
  bool all = seen_now.deliveries >= report.expected && now - last >= 300000;
  if (all || now - last >= report.quiet_us || now - report.since >= report.limit_us) print_report();
}

static void on_command(char *line) {
  if (!strcmp(line, "begin")) {
    memset(&seen_now, 0, sizeof seen_now);
    for (size_t i = 0; i < paths.count; i++) connections[i].deliveries = connections[i].hashes = 0;
    printf("{\"began\":true}\n");
    fflush(stdout);
  } else if (!strncmp(line, "report ", 7)) {
    uint64_t quiet_ms, limit_ms;
    if (sscanf(line, "report %" SCNu64 " %" SCNu64 " %" SCNu64 " %1023[^\n]", &report.expected, &quiet_ms, &limit_ms, report.path) != 4)
      fail("not a report command", line);
    report.quiet_us = quiet_ms * 1000;
    report.limit_us = limit_ms * 1000;
    report.since = steady_us();
    report.asked = true;
  } else {
    fail("unknown command", line);
  }
}

static void stop(int signal_number) {
  (void)signal_number;
  stopping = 1;
}

int main(int argc, char **argv) {
  const char *connections_path = NULL, *texts_path = NULL;
  size_t at_once = 128;
  uint64_t patience_ms = 60000, slow_ms = 2000, slow_us = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    char *value = argv[i + 1];
    if (!strcmp(argv[i], "--target")) parse_targets(value, &targets);
    else if (!strcmp(argv[i], "--connections")) connections_path = value;
    else if (!strcmp(argv[i], "--texts")) texts_path = value;
    else if (!strcmp(argv[i], "--acct-prefix")) acct_prefix = value;
    else if (!strcmp(argv[i], "--record")) record_path = value;
    else if (!strcmp(argv[i], "--stalled")) stalled = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--slow")) slow = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--slow-ms")) slow_ms = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--protocol")) protocol = value;
    else if (!strcmp(argv[i], "--greet")) greeting = value;
    else if (!strcmp(argv[i], "--update")) update_mark = value;
    else if (!strcmp(argv[i], "--opening")) at_once = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--patience-ms")) patience_ms = strtoull(value, NULL, 10);
    else fail("unknown option", argv[i]);
  }
  if (argc % 2 == 0 || !targets.count || !connections_path || !texts_path) fail("--target, --connections and --texts are needed", NULL);
  acct_prefix_length = acct_prefix ? strlen(acct_prefix) : 0;
  if (greeting && strlen(greeting) > 125) fail("--greet is too long", NULL);
  if (acct_prefix_length > 24) fail("--acct-prefix is too long", NULL);
  paths = read_lines(connections_path);
  texts = read_lines(texts_path);
  if (!paths.count || !texts.count) fail("no connections or no texts", NULL);
  allow_files(paths.count);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGPIPE, SIG_IGN);
  connections = grow(NULL, paths.count * sizeof *connections);
  memset(connections, 0, paths.count * sizeof *connections);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  watch_commands(epoll_fd);

  size_t next = 0;
  bool told = false;
  uint64_t started = steady_us();
  while (!stopping) {
    while (next < paths.count && opening < at_once) open_one(next++);
    if (!told && opened + failed >= paths.count) {
      printf("{\"connected\":%zu,\"failed\":%zu,\"seconds\":%.3f}\n", opened, failed, (double)(steady_us() - started) / 1e6);
      fflush(stdout);
      told = true;
    }
    if (!told && steady_us() - started > patience_ms * 1000) fail("not all connections opened in time", NULL);
    struct epoll_event events[512];
    int ready = epoll_wait(epoll_fd, events, 512, report.asked ? 20 : 200);
    if (ready < 0 && errno != EINTR) fail("epoll_wait", strerror(errno));
    for (int i = 0; i < ready; i++) {
      if (events[i].data.u64) on_event((size_t)events[i].data.u64 - 1, events[i].events);
      else if (!read_commands(on_command)) stopping = 1;
    }
    if (slow && steady_us() - slow_us >= slow_ms * 1000) {
      slow_us = steady_us();
      read_slow();
    }
    check_report();
  }
  return 0;
}
