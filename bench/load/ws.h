/* What the WebSocket clients share: the fixed handshake, the marker in a post's text, commands on stdin. */
#ifndef WS_H
#define WS_H

#include "load.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* The same in bench/posts.ts: the sum over a set of posts tells that it is exactly this set. */
static uint64_t hash_post(uint64_t author, uint64_t seq) {
  uint64_t x = author << 32 | seq;
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ull;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

/* The digits up to `stop`; NULL when there are none. */
static const unsigned char *number(const unsigned char *p, const unsigned char *end, char stop, uint64_t *out) {
  uint64_t value = 0;
  const unsigned char *from = p;
  while (p < end && *p >= '0' && *p <= '9' && p - from < 19) value = value * 10 + (uint64_t)(*p++ - '0');
  if (p == from || p == end || *p != (unsigned char)stop) return NULL;
  *out = value;
  return p + 1;
}

struct marker {
  uint64_t author, seq, sent;
};

/* Finds `qz<author>x<seq>x<microseconds>zq`; returns what stands behind it, NULL when there is none. */
static const unsigned char *find_marker(const unsigned char *p, const unsigned char *end, struct marker *out) {
  const unsigned char *q;
  while ((p = memmem(p, (size_t)(end - p), "qz", 2))) {
    p += 2;
    if ((q = number(p, end, 'x', &out->author)) && (q = number(q, end, 'x', &out->seq)) && (q = number(q, end, 'z', &out->sent)) &&
        q < end && *q == 'q')
      return q + 1;
  }
  return NULL;
}

/* epoll tells of stdin by 0. */
static void watch_commands(int epoll_fd) {
  fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event);
}

/* Calls for each line that has come; false at the end of stdin. */
static bool read_commands(void (*on_command)(char *line)) {
  static char line[2048];
  static size_t have;
  ssize_t got = read(0, line + have, sizeof line - 1 - have);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
  if (got < 0) return true;
  have += (size_t)got;
  line[have] = 0;
  for (char *stop; (stop = memchr(line, '\n', have));) {
    *stop = 0;
    on_command(line);
    have -= (size_t)(stop + 1 - line);
    memmove(line, stop + 1, have);
  }
  if (have == sizeof line - 1) fail("a command too long", NULL);
  return true;
}

#endif
