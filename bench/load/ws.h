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

/* Writes the request that asks for a WebSocket; `more` is further headers. Its length, or 0 when there is no room. */
static size_t upgrade_request(char *out, size_t room, const char *path, const char *host, const char *token, const char *more) {
  int wrote = snprintf(out, room,
                       "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " KEY "\r\n%s%s%s%s\r\n",
                       path, host, *token ? "Authorization: Bearer " : "", token, *token ? "\r\n" : "", more);
  return wrote < 0 || (size_t)wrote >= room ? 0 : (size_t)wrote;
}

/* 0 while the answer is unfinished, its length when the upgrade is done, -1 when it is refused, -2 when it has no end. */
static ssize_t upgrade_answer(const unsigned char *p, size_t n) {
  const unsigned char *stop = memmem(p, n, "\r\n\r\n", 4);
  if (!stop) return n > 16384 ? -2 : 0;
  size_t head = (size_t)(stop - p) + 4;
  return n >= 12 && !memcmp(p, "HTTP/1.1 101", 12) && memmem(p, head, ACCEPT, sizeof ACCEPT - 1) ? (ssize_t)head : -1;
}

struct frame {
  unsigned first; /* its first byte: last of a message or not, and what it is */
  const unsigned char *payload;
  size_t length, whole;
};

/* 1: p begins with a whole frame; 0: with a part of one; -1: with none that a server may send. */
static int read_frame(const unsigned char *p, size_t n, size_t most, struct frame *out) {
  if (n < 2) return 0;
  if (p[0] & 0x70u || p[1] & 0x80u) return -1;
  uint64_t length = p[1] & 127u;
  size_t head = length == 126 ? 4 : length == 127 ? 10 : 2;
  if (n < head) return 0;
  if (head > 2) length = 0;
  for (size_t i = 2; i < head; i++) length = length << 8 | p[i];
  if (length > most) return -1;
  *out = (struct frame){p[0], p + head, (size_t)length, head + (size_t)length};
  return n >= out->whole;
}

/* Sends a pong or a close; false when it cannot be. */
static bool send_control_frame(int fd, unsigned opcode, const unsigned char *p, size_t n) {
  unsigned char frame[6 + 125] = {(unsigned char)(0x80 | opcode), (unsigned char)(0x80 | n), 1, 2, 3, 4};
  for (size_t i = 0; i < n; i++) frame[6 + i] = p[i] ^ frame[2 + i % 4];
  return send(fd, frame, 6 + n, MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
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
