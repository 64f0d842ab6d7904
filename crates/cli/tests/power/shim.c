/* Records what a process does to the files of one directory, in order, for tests of power cuts (see ../power.rs).
 *
 * Preloaded into the server: every write, truncation, creation, removal, renaming and sync of a file under $POWER_DIR, and every
 * HTTP answer that says success, goes into $POWER_LOG. One lock is held over an operation and its record, so the order of the
 * log is the order of the events. An answer is recorded before it is sent: whoever could have read it could rely on it.
 *
 * A record: one byte of kind, 4 bytes length of the path, 8 bytes offset, 8 bytes length of the data, path, data (host order).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static int sink = -1;
static char root[4096];
static size_t root_length;

#define REAL(result, name, ...) \
  static result (*real)(__VA_ARGS__); \
  if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void) {
  const char *directory = getenv("POWER_DIR"), *log = getenv("POWER_LOG");
  if (!directory || !log || strlen(directory) >= sizeof root) return;
  strcpy(root, directory);
  root_length = strlen(root);
  sink = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(const void *data, size_t length) {
  const char *at = data;
  while (length > 0) {
    long wrote = syscall(SYS_write, sink, at, length);
    if (wrote <= 0) abort();
    at += wrote;
    length -= (size_t)wrote;
  }
}

static void record(char kind, const char *path, uint64_t offset, const void *data, uint64_t length) {
  char head[21];
  uint32_t path_length = (uint32_t)strlen(path);
  head[0] = kind;
  memcpy(head + 1, &path_length, 4);
  memcpy(head + 5, &offset, 8);
  memcpy(head + 13, &length, 8);
  put(head, sizeof head);
  put(path, path_length);
  if (length > 0) put(data, length);
}

/* The path of a descriptor under the root, or 0. */
static int ours(int fd, char *path) {
  char link[64] = "/proc/self/fd/";
  char digits[16];
  int count = 0, number = fd;
  if (sink < 0 || fd < 0 || fd == sink) return 0;
  do digits[count++] = (char)('0' + number % 10); while ((number /= 10) > 0);
  size_t end = strlen(link);
  while (count > 0) link[end++] = digits[--count];
  link[end] = 0;
  long length = readlink(link, path, 4095);
  if (length <= 0) return 0;
  path[length] = 0;
  return strncmp(path, root, root_length) == 0;
}

static int named(const char *path) { return sink >= 0 && strncmp(path, root, root_length) == 0; }

static void answered(int fd, const struct iovec *parts, int count) {
  static const char good[] = "HTTP/1.1 200";
  struct stat about;
  char text[16384];
  size_t length = 0;
  if (sink < 0 || count < 1 || parts[0].iov_len < sizeof good || memcmp(parts[0].iov_base, good, sizeof good - 1) != 0) return;
  if (fstat(fd, &about) != 0 || !S_ISSOCK(about.st_mode)) return;
  for (int i = 0; i < count && length < sizeof text; i++) {
    size_t room = sizeof text - length, take = parts[i].iov_len < room ? parts[i].iov_len : room;
    memcpy(text + length, parts[i].iov_base, take);
    length += take;
  }
  pthread_mutex_lock(&order);
  record('a', "", 0, text, length);
  pthread_mutex_unlock(&order);
}

ssize_t write(int fd, const void *data, size_t length) {
  char path[4096];
  REAL(ssize_t, "write", int, const void *, size_t);
  if (!ours(fd, path)) {
    struct iovec part = {(void *)data, length};
    answered(fd, &part, 1);
    return real(fd, data, length);
  }
  pthread_mutex_lock(&order);
  off_t at = lseek(fd, 0, SEEK_CUR);
  ssize_t wrote = real(fd, data, length);
  if (wrote > 0) record('w', path, (uint64_t)at, data, (uint64_t)wrote);
  pthread_mutex_unlock(&order);
  return wrote;
}

static ssize_t write_at(const char *name, int fd, const void *data, size_t length, off_t at) {
  char path[4096];
  ssize_t (*real)(int, const void *, size_t, off_t) = (ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, name);
  if (!ours(fd, path)) return real(fd, data, length, at);
  pthread_mutex_lock(&order);
  ssize_t wrote = real(fd, data, length, at);
  if (wrote > 0) record('w', path, (uint64_t)at, data, (uint64_t)wrote);
  pthread_mutex_unlock(&order);
  return wrote;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return write_at("pwrite", fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off_t at) { return write_at("pwrite64", fd, data, length, at); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  answered(fd, parts, count);
  return real(fd, parts, count);
}
ssize_t send(int fd, const void *data, size_t length, int flags) {
  REAL(ssize_t, "send", int, const void *, size_t, int);
  struct iovec part = {(void *)data, length};
  answered(fd, &part, 1);
  return real(fd, data, length, flags);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  REAL(ssize_t, "sendmsg", int, const struct msghdr *, int);
  answered(fd, message->msg_iov, (int)message->msg_iovlen);
  return real(fd, message, flags);
}

static int resize(const char *name, int fd, off_t length) {
  char path[4096];
  int (*real)(int, off_t) = (int (*)(int, off_t))dlsym(RTLD_NEXT, name);
  if (!ours(fd, path)) return real(fd, length);
  pthread_mutex_lock(&order);
  int outcome = real(fd, length);
  if (outcome == 0) record('t', path, (uint64_t)length, 0, 0);
  pthread_mutex_unlock(&order);
  return outcome;
}
int ftruncate(int fd, off_t length) { return resize("ftruncate", fd, length); }
int ftruncate64(int fd, off_t length) { return resize("ftruncate64", fd, length); }

static int flush(const char *name, int fd) {
  char path[4096];
  struct stat about;
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
  if (!ours(fd, path)) return real(fd);
  pthread_mutex_lock(&order);
  int outcome = real(fd);
  if (outcome == 0) record(fstat(fd, &about) == 0 && S_ISDIR(about.st_mode) ? 'd' : 'f', path, 0, 0, 0);
  pthread_mutex_unlock(&order);
  return outcome;
}
int fsync(int fd) { return flush("fsync", fd); }
int fdatasync(int fd) { return flush("fdatasync", fd); }

static int opened(const char *name, int at, const char *path, int flags, mode_t mode) {
  int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, name);
  char full[4096];
  if (sink < 0 || !(flags & (O_CREAT | O_TRUNC))) return real(at, path, flags, mode);
  pthread_mutex_lock(&order);
  int fresh = (flags & O_CREAT) && faccessat(at, path, F_OK, 0) != 0;
  int fd = real(at, path, flags, mode);
  if (fd >= 0 && ours(fd, full)) {
    if (fresh) record('c', full, 0, 0, 0);
    else if (flags & O_TRUNC) record('t', full, 0, 0, 0);
  }
  pthread_mutex_unlock(&order);
  return fd;
}
#define MODE mode_t mode = 0; if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }
int open(const char *path, int flags, ...) { MODE return opened("openat", AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened("openat64", AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE return opened("openat", at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE return opened("openat64", at, path, flags, mode); }

int unlink(const char *path) {
  REAL(int, "unlink", const char *);
  if (!named(path)) return real(path);
  pthread_mutex_lock(&order);
  int outcome = real(path);
  if (outcome == 0) record('u', path, 0, 0, 0);
  pthread_mutex_unlock(&order);
  return outcome;
}
int rename(const char *from, const char *to) {
  REAL(int, "rename", const char *, const char *);
  if (!named(from)) return real(from, to);
  pthread_mutex_lock(&order);
  int outcome = real(from, to);
  if (outcome == 0) record('r', from, 0, to, strlen(to));
  pthread_mutex_unlock(&order);
  return outcome;
}
