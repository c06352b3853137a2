/* What all load clients share: a histogram, time, targets, lines of a file. Neither sockets nor protocols live here. */
#ifndef LOAD_H
#define LOAD_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

/* Past half of the ephemeral ports of one (source, destination) pair connect() slows down a hundredfold. */
#define CONNECTIONS_A_SOURCE 12000

static void fail(const char *what, const char *detail) {
  fprintf(stderr, "%s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  exit(2);
}

static void *grow(void *old, size_t bytes) {
  void *fresh = realloc(old, bytes);
  if (!fresh) fail("out of memory", NULL);
  return fresh;
}

static inline uint64_t wall_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static inline uint64_t steady_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Buckets of 1/64 of a power of two: a percentile is at most 1.6 % above the truth. */
#define SUB_BITS 6
#define SUB (1u << SUB_BITS)
#define BUCKETS (SUB * 42u)

struct histogram {
  uint64_t count, sum, max;
  uint64_t bucket[BUCKETS];
};

static inline unsigned bucket_of(uint64_t us) {
  if (us < SUB) return (unsigned)us;
  unsigned shift = 63u - (unsigned)__builtin_clzll(us) - SUB_BITS;
  unsigned at = (shift + 1u) * SUB + (unsigned)((us >> shift) & (SUB - 1u));
  return at < BUCKETS ? at : BUCKETS - 1u;
}

static inline void observe(struct histogram *h, uint64_t us) {
  h->count++;
  h->sum += us;
  if (us > h->max) h->max = us;
  h->bucket[bucket_of(us)]++;
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_top(unsigned i) {
  if (i < SUB) return i;
  return (((uint64_t)SUB + i % SUB + 1u) << (i / SUB - 1u)) - 1u;
}

static inline uint64_t percentile(const struct histogram *h, double share) {
  if (!h->count) return 0;
  uint64_t wanted = (uint64_t)(share * (double)h->count + 0.999999), seen = 0;
  if (wanted < 1) wanted = 1;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += h->bucket[i];
    if (seen < wanted) continue;
    uint64_t top = bucket_top(i);
    return top < h->max ? top : h->max;
  }
  return h->max;
}

static inline void print_histogram(FILE *to, const char *name, const struct histogram *h) {
  fprintf(to, "\"%s\":{\"count\":%" PRIu64 ",\"meanUs\":%" PRIu64 ",\"p50Us\":%" PRIu64 ",\"p90Us\":%" PRIu64
              ",\"p99Us\":%" PRIu64 ",\"p999Us\":%" PRIu64 ",\"maxUs\":%" PRIu64 "}",
          name, h->count, h->count ? h->sum / h->count : 0, percentile(h, 0.5), percentile(h, 0.9),
          percentile(h, 0.99), percentile(h, 0.999), h->max);
}

struct target {
  struct sockaddr_in address;
  char host[64];
};

#define MAX_TARGETS 64
struct targets {
  int count;
  struct target at[MAX_TARGETS];
};

static void parse_targets(char *text, struct targets *out) {
  out->count = 0;
  for (char *save = NULL, *one = strtok_r(text, ",", &save); one; one = strtok_r(NULL, ",", &save)) {
    char *colon = strrchr(one, ':');
    if (!colon || out->count == MAX_TARGETS || strlen(one) > 40) fail("not a list of IPv4:PORT", one);
    struct target *t = &out->at[out->count++];
    snprintf(t->host, sizeof t->host, "%s", one);
    *colon = 0;
    memset(&t->address, 0, sizeof t->address);
    t->address.sin_family = AF_INET;
    t->address.sin_port = htons((uint16_t)atoi(colon + 1));
    if (inet_pton(AF_INET, one, &t->address.sin_addr) != 1) fail("not an IPv4 address", one);
  }
  if (!out->count) fail("no target", NULL);
}

/* Opens without waiting; `from` may be NULL. -1 and errno when it cannot be. */
static int open_socket_from(const struct target *t, const struct in_addr *from) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (from) {
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr = *from};
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source) < 0) {
      int kept = errno;
      close(fd);
      errno = kept;
      return -1;
    }
  }
  if (connect(fd, (const struct sockaddr *)&t->address, sizeof t->address) < 0 && errno != EINPROGRESS) {
    int kept = errno;
    close(fd);
    errno = kept;
    return -1;
  }
  return fd;
}

static bool is_loopback(const struct target *t) { return ntohl(t->address.sin_addr.s_addr) >> 24 == 127; }

/* The source address for the nth connection to a loopback target. */
static struct in_addr loopback_source(uint64_t nth) {
  return (struct in_addr){htonl(0x7f000002u + (uint32_t)(nth / CONNECTIONS_A_SOURCE % 65000u))};
}

/* Loopback targets get a source address of their own for every CONNECTIONS_A_SOURCE sockets. */
static inline int open_socket(const struct target *t, uint64_t nth) {
  struct in_addr source = loopback_source(nth);
  return open_socket_from(t, is_loopback(t) ? &source : NULL);
}

/* The whole file in memory, cut in lines in place; a last line without a line end counts. */
struct lines {
  size_t count, bytes;
  char *text;
  char **at;
};

static struct lines read_lines(const char *path) {
  struct lines out = {0};
  FILE *f = fopen(path, "rb");
  if (!f) fail(path, strerror(errno));
  struct stat s;
  if (fstat(fileno(f), &s) < 0) fail(path, strerror(errno));
  out.bytes = (size_t)s.st_size;
  out.text = grow(NULL, out.bytes + 1);
  if (fread(out.text, 1, out.bytes, f) != out.bytes) fail(path, "could not be read whole");
  fclose(f);
  out.text[out.bytes] = 0;
  size_t cap = 0;
  for (char *p = out.text, *end = out.text + out.bytes; p < end;) {
    char *stop = memchr(p, '\n', (size_t)(end - p));
    if (stop) *stop = 0;
    if (out.count == cap) {
      cap = cap ? cap * 2 : 1024;
      out.at = grow(out.at, cap * sizeof *out.at);
    }
    out.at[out.count++] = p;
    if (!stop) break;
    p = stop + 1;
  }
  return out;
}

static void allow_files(size_t wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (wanted + 32 > limit.rlim_cur) fail("more connections than this process may have files open", NULL);
}

#endif
