/*
 * Holds WebSocket connections as cheaply as they can be held: 32 bytes each, beside the kernel's. It answers pings, counts
 * frames by their headers, and adds up which posts each connection received. It does not look at content: ws-load does.
 *
 *   ws-hold --target IP:PORT[,IP:PORT] --path PATH --tokens FILE --first N [--sources IP[,IP]] [--query 1] [--compact 1]
 *           [--opening N] [--rate N] [--tries N] [--patience-ms N]
 *
 * FILE of tokens: a line for each connection. --first: how many connections other processes open before these, so that
 * each finds a source address with free ports. --query: the token goes into the address, not into a header. --opening:
 * handshakes under way at once; --rate: begun a second, at most (0: no limit); --patience-ms: given up when none succeeds for so long. --tries: a handshake that fails is begun
 * again after a second, so often in all; an open connection that ends is a drop, and stays one.
 *
 * A post's text holds `qz<author>x<seq>x<microseconds>zq`. Latency is now minus these microseconds (CLOCK_REALTIME).
 *
 * Commands, a line each on stdin, each answered by a line of JSON on stdout:
 *   status        what is open, and what was received
 *   report FILE   the same with the latencies, as pairs of microseconds and how often; FILE gets two 64-bit little-endian
 *                 numbers a connection: deliveries, sum of hashes. Then all that was received counts from zero again
 * End of stdin or SIGTERM ends it.
 */
#define _GNU_SOURCE
#include "ws.h"
#include <signal.h>

#define MAX_FRAME (1u << 20)
#define MAX_REASONS 24
#define MAX_SOURCES 1024
#define PAUSE_US 1000000u

enum state { WAITING, CONNECTING, UPGRADING, OPEN, ENDED };

/* What came of a frame whose rest is still to come. */
struct rest {
  uint32_t have, room;
  unsigned char bytes[];
};

struct connection {
  int fd;
  uint32_t deliveries;
  uint64_t hashes;
  struct rest *rest;
  uint8_t state, tries;
};

/* A connection that is to be tried again. */
struct again {
  uint32_t nth;
  uint64_t at_us;
};

static struct connection *connections;
static struct again *again; /* a ring: pauses are of one length, so who waits longest is first */
static size_t again_first, again_count;
static struct lines tokens;
static struct targets targets;
static struct in_addr sources[MAX_SOURCES];
static size_t total, first, source_count, at_once = 64, tries = 1, next, opening, opened, failed, dropped, refusals;
static double rate;
static bool compact, in_query;
static const char *path = "/api/v1/streaming?stream=user";
static int epoll_fd;
static uint64_t began_us, progress_us, all_open_us, patience_us = 60000000;
static volatile sig_atomic_t stopping;

static struct {
  uint64_t frames, deliveries, bytes, pings, others, broken, last_us;
  struct histogram latency;
} seen;

static struct reason {
  char what[48];
  uint64_t times;
} reasons[MAX_REASONS];

static void note(const char *what) {
  for (int i = 0; i < MAX_REASONS; i++) {
    if (reasons[i].times && strncmp(reasons[i].what, what, sizeof reasons[i].what - 1) && i < MAX_REASONS - 1) continue;
    if (!reasons[i].times) snprintf(reasons[i].what, sizeof reasons[i].what, "%s", what);
    reasons[i].times++;
    return;
  }
}

static bool is_settled(void) { return opened + failed == total; }

static void forget(struct connection *c) {
  close(c->fd);
  c->fd = -1;
  free(c->rest);
  c->rest = NULL;
}

static void give_up(struct connection *c, const char *why) {
  note(why);
  refusals++;
  if (c->fd >= 0) forget(c);
  opening--;
  if (++c->tries < tries) {
    c->state = WAITING;
    again[(again_first + again_count++) % total] = (struct again){(uint32_t)(c - connections), steady_us() + PAUSE_US};
    return;
  }
  c->state = ENDED;
  failed++;
}

static void end(struct connection *c, const char *why) {
  if (c->state == OPEN) {
    note(why);
    dropped++;
    c->state = ENDED;
    forget(c);
  } else if (c->state != ENDED) {
    give_up(c, why);
  }
}

static const char *error_name(int error) {
  switch (error) {
    case EADDRNOTAVAIL: return "EADDRNOTAVAIL";
    case EADDRINUSE: return "EADDRINUSE";
    case ECONNREFUSED: return "ECONNREFUSED";
    case ECONNRESET: return "ECONNRESET";
    case EMFILE: return "EMFILE";
    case ENFILE: return "ENFILE";
    case ENOBUFS: return "ENOBUFS";
    case ETIMEDOUT: return "ETIMEDOUT";
    case EHOSTUNREACH: return "EHOSTUNREACH";
    default: return strerror(error);
  }
}

static void on_message(struct connection *c, const unsigned char *p, size_t n, uint64_t now) {
  struct marker mark;
  if (!find_marker(p, p + n, &mark)) {
    seen.others++;
    return;
  }
  c->deliveries++;
  c->hashes += hash_post(mark.author, mark.seq);
  seen.deliveries++;
  seen.last_us = steady_us();
  observe(&seen.latency, now > mark.sent ? now - mark.sent : 0);
}

static void on_frame(struct connection *c, unsigned head, const unsigned char *p, size_t n, uint64_t now) {
  unsigned opcode = head & 15u;
  seen.frames++;
  if (opcode == 9 && n <= 125) {
    seen.pings++;
    if (!send_control_frame(c->fd, 10, p, n)) end(c, error_name(errno));
  } else if (opcode == 8) {
    char why[48] = "closed by the server";
    if (n >= 2) snprintf(why, sizeof why, "closed with %u %.*s", (unsigned)p[0] << 8 | p[1], (int)(n - 2 < 30 ? n - 2 : 30), p + 2);
    end(c, why);
  } else if ((opcode == 1 || opcode == 2) && head & 0x80u) {
    on_message(c, p, n, now);
  } else if (opcode != 10) {
    seen.broken++;
    end(c, "a frame of a kind not expected");
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
      seen.broken++;
      end(c, "not a frame");
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
    char why[48] = "no HTTP";
    if (!memcmp(p, "HTTP/1.1 ", 9)) snprintf(why, sizeof why, "HTTP %.3s", p + 9);
    end(c, head == -2 ? "an endless answer to the upgrade" : why);
  }
  if (head <= 0) return 0;
  c->state = OPEN;
  opening--;
  opened++;
  progress_us = steady_us();
  return (size_t)head;
}

static void keep_rest(struct connection *c, const unsigned char *p, size_t n) {
  if (n == 0) {
    free(c->rest);
    c->rest = NULL;
    return;
  }
  struct rest *fresh = grow(NULL, sizeof *fresh + n + 256);
  fresh->have = (uint32_t)n;
  fresh->room = (uint32_t)n + 256;
  memcpy(fresh->bytes, p, n);
  free(c->rest);
  c->rest = fresh;
}

static void on_bytes(struct connection *c, const unsigned char *p, size_t n) {
  uint64_t now = wall_us();
  seen.bytes += n;
  if (c->rest) {
    if (c->rest->have + n > c->rest->room) {
      c->rest->room = c->rest->have + (uint32_t)n + 256;
      c->rest = grow(c->rest, sizeof *c->rest + c->rest->room);
    }
    memcpy(c->rest->bytes + c->rest->have, p, n);
    c->rest->have += (uint32_t)n;
    p = c->rest->bytes;
    n = c->rest->have;
  }
  size_t used = 0;
  if (c->state == UPGRADING) used = take_upgrade(c, p, n);
  /* A frame may end the connection, and with it what p points to. */
  struct rest *held = c->rest;
  c->rest = NULL;
  if (c->state == OPEN) used += take_frames(c, p + used, n - used, now);
  if (c->state == OPEN || c->state == UPGRADING) keep_rest(c, p + used, n - used);
  free(held);
}

static void start_upgrade(struct connection *c) {
  size_t nth = (size_t)(c - connections);
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
    end(c, error_name(error));
    return;
  }
  const char *token = tokens.at[nth];
  char request[4096], asked[2048];
  snprintf(asked, sizeof asked, "%s%caccess_token=%s", path, strchr(path, '?') ? '&' : '?', token);
  size_t wrote = upgrade_request(request, sizeof request, in_query ? asked : path, targets.at[(first + nth) % (size_t)targets.count].host,
                                 in_query ? "" : token, compact ? "Sec-WebSocket-Protocol: murmuration.compact.v1\r\n" : "");
  if (!wrote || send(c->fd, request, wrote, MSG_NOSIGNAL) != (ssize_t)wrote) {
    end(c, "the request was not sent");
    return;
  }
  c->state = UPGRADING;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = nth + 1};
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
}

/* NULL: whatever the kernel chooses. */
static const struct in_addr *source_for(const struct target *t, size_t place) {
  static struct in_addr chosen;
  size_t nth = place / (size_t)targets.count;
  if (source_count) return &sources[nth / CONNECTIONS_A_SOURCE % source_count];
  if (!is_loopback(t)) return NULL;
  chosen = loopback_source(nth);
  return &chosen;
}

static void open_one(size_t nth) {
  struct connection *c = &connections[nth];
  const struct target *t = &targets.at[(first + nth) % (size_t)targets.count];
  c->state = CONNECTING;
  opening++;
  c->fd = open_socket_from(t, source_for(t, first + nth));
  if (c->fd < 0) {
    end(c, error_name(errno));
    return;
  }
  struct epoll_event event = {.events = EPOLLOUT, .data.u64 = nth + 1};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void open_more(void) {
  uint64_t now = steady_us();
  while (again_count && again[again_first].at_us <= now && opening < at_once) {
    size_t nth = again[again_first].nth;
    again_first = (again_first + 1) % total;
    again_count--;
    open_one(nth);
  }
  size_t due = rate > 0 ? (size_t)((double)(now - began_us) * rate / 1e6) + 1 : total;
  while (next < total && next < due && opening < at_once) open_one(next++);
  if (all_open_us) return;
  if (now - progress_us > patience_us) {
    for (size_t i = 0; i < next; i++)
      if (connections[i].state == CONNECTING || connections[i].state == UPGRADING) {
        connections[i].tries = (uint8_t)(tries - 1);
        end(&connections[i], "no answer in time");
      }
    failed += again_count + (total - next);
    again_count = 0;
    next = total;
  }
  if (!is_settled()) return;
  all_open_us = now;
  free(tokens.text);
  free(tokens.at);
  free(again);
  again = NULL;
}

static void on_event(size_t nth, uint32_t events) {
  static unsigned char buffer[1 << 18];
  struct connection *c = &connections[nth];
  if (c->state == CONNECTING) {
    start_upgrade(c);
    return;
  }
  if ((c->state != OPEN && c->state != UPGRADING) || !(events & (EPOLLIN | EPOLLERR | EPOLLHUP))) return;
  ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
  if (got > 0) on_bytes(c, buffer, (size_t)got);
  else if (got == 0) end(c, c->state == OPEN ? "ended by the server" : "ended in the handshake");
  else if (errno != EAGAIN && errno != EINTR) end(c, error_name(errno));
}

static void print_status(void) {
  uint64_t now = steady_us();
  printf("{\"opened\":%zu,\"failed\":%zu,\"dropped\":%zu,\"refusals\":%zu,\"seconds\":%.3f,\"quietMs\":%" PRIu64 ",\"frames\":%" PRIu64
         ",\"deliveries\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"pings\":%" PRIu64 ",\"others\":%" PRIu64 ",\"broken\":%" PRIu64 ",\"reasons\":{",
         opened, failed, dropped, refusals, (double)((all_open_us ? all_open_us : now) - began_us) / 1e6,
         (now - (seen.last_us ? seen.last_us : began_us)) / 1000, seen.frames, seen.deliveries, seen.bytes, seen.pings, seen.others,
         seen.broken);
  for (int i = 0; i < MAX_REASONS && reasons[i].times; i++) {
    printf("%s\"", i ? "," : "");
    for (const char *p = reasons[i].what; *p; p++)
      if (*p >= ' ' && *p < 127 && *p != '"' && *p != '\\') putchar(*p);
    printf("\":%" PRIu64, reasons[i].times);
  }
  printf("}");
}

static void print_report(const char *to) {
  FILE *f = fopen(to, "wb");
  if (!f) fail(to, strerror(errno));
  for (size_t i = 0; i < total; i++) {
    uint64_t pair[2] = {connections[i].deliveries, connections[i].hashes};
    if (fwrite(pair, sizeof pair, 1, f) != 1) fail(to, "could not be written");
    connections[i].deliveries = 0;
    connections[i].hashes = 0;
  }
  if (fclose(f)) fail(to, strerror(errno));
  print_status();
  printf(",\"latencies\":[");
  bool more = false;
  for (unsigned i = 0; i < BUCKETS; i++) {
    if (!seen.latency.bucket[i]) continue;
    printf("%s[%" PRIu64 ",%" PRIu64 "]", more ? "," : "", bucket_top(i), seen.latency.bucket[i]);
    more = true;
  }
  printf("],\"maxUs\":%" PRIu64, seen.latency.max);
  memset(&seen, 0, sizeof seen);
}

static void on_command(char *line) {
  if (!strcmp(line, "status")) print_status();
  else if (!strncmp(line, "report ", 7)) print_report(line + 7);
  else fail("unknown command", line);
  printf("}\n");
  fflush(stdout);
}

static void stop(int signal_number) {
  (void)signal_number;
  stopping = 1;
}

static void parse_sources(char *text) {
  for (char *save = NULL, *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
    if (source_count == MAX_SOURCES || inet_pton(AF_INET, one, &sources[source_count++]) != 1) fail("not an IPv4 address", one);
  }
}

int main(int argc, char **argv) {
  const char *tokens_path = NULL;
  for (int i = 1; i + 1 < argc; i += 2) {
    char *value = argv[i + 1];
    if (!strcmp(argv[i], "--target")) parse_targets(value, &targets);
    else if (!strcmp(argv[i], "--path")) path = value;
    else if (!strcmp(argv[i], "--tokens")) tokens_path = value;
    else if (!strcmp(argv[i], "--first")) first = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--sources")) parse_sources(value);
    else if (!strcmp(argv[i], "--query")) in_query = true;
    else if (!strcmp(argv[i], "--compact")) compact = true;
    else if (!strcmp(argv[i], "--opening")) at_once = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--rate")) rate = strtod(value, NULL);
    else if (!strcmp(argv[i], "--tries")) tries = strtoull(value, NULL, 10);
    else if (!strcmp(argv[i], "--patience-ms")) patience_us = strtoull(value, NULL, 10) * 1000;
    else fail("unknown option", argv[i]);
  }
  if (argc % 2 == 0 || !targets.count || !tokens_path || !at_once) fail("--target and --tokens are needed", NULL);
  if (tries < 1 || tries > 200) fail("--tries is from 1 to 200", NULL);
  tokens = read_lines(tokens_path);
  total = tokens.count;
  if (!total) fail("no tokens", tokens_path);
  allow_files(total);
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGPIPE, SIG_IGN);
  connections = grow(NULL, total * sizeof *connections);
  memset(connections, 0, total * sizeof *connections);
  again = grow(NULL, total * sizeof *again);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  watch_commands(epoll_fd);
  began_us = progress_us = steady_us();
  while (!stopping) {
    if (!all_open_us) open_more();
    struct epoll_event events[512];
    // With a rate the next one is due at a time of its own: a look each 5 ms, in 50 processes, would be a sixth of the machine.
    double due_ms = rate > 0 ? 1000 / rate : 50;
    int ready = epoll_wait(epoll_fd, events, 512, all_open_us ? 1000 : due_ms < 5 ? 5 : due_ms > 50 ? 50 : (int)due_ms);
    if (ready < 0 && errno != EINTR) fail("epoll_wait", strerror(errno));
    for (int i = 0; i < ready; i++) {
      if (events[i].data.u64) on_event((size_t)events[i].data.u64 - 1, events[i].events);
      else if (!read_commands(on_command)) stopping = 1;
    }
  }
  return 0;
}
