/* LD_PRELOAD: records what a process does to the files of one directory.

   KOGGE_DISK is the directory (absolute, flat), KOGGE_TRACE the file that the record is appended to.
   One entry: op, descriptor, offset, length, then so many bytes; the words are the machine's own.

   o  opened, `offset` says whether emptied; bytes: the path    c  closed
   w  written at `offset`; bytes: the data                      t  cut or grown to `offset`
   s  on disk for good                                          u  unlinked; bytes: the path
   r  renamed; bytes: both paths, each with its final 0          n  noted by the process itself

   A call and its entry are one step: no other thread comes between. What changes files by another
   way (mmap, writev, sendfile) is not seen; that the record is whole, its reader has to check. */

#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define DESCRIPTORS 4096

struct entry {
    int64_t op, descriptor, offset, length;
};

static pthread_mutex_t step = PTHREAD_MUTEX_INITIALIZER;
static const char *disk;
static int trace = -1;
static char watched[DESCRIPTORS];

static ssize_t (*real_write)(int, const void *, size_t);
static int (*real_open)(const char *, int, ...);

static void *next_of(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void begin(void) {
    real_write = (ssize_t (*)(int, const void *, size_t))next_of("write");
    real_open = (int (*)(const char *, int, ...))next_of("open64");
    disk = getenv("KOGGE_DISK");
    const char *file = getenv("KOGGE_TRACE");
    if (disk && file)
        trace = real_open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int is_watched(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS && watched[descriptor];
}

/* inside the directory; NULL when it is elsewhere */
static const char *name_of(const char *path) {
    size_t length = disk ? strlen(disk) : 0;
    if (trace < 0 || !path || strncmp(path, disk, length))
        return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] ? NULL : "";
}

static void put(const void *data, size_t length) {
    const char *bytes = data;
    while (length) {
        ssize_t done = real_write(trace, bytes, length);
        if (done <= 0)
            abort();
        bytes += done;
        length -= (size_t)done;
    }
}

static void record(int op, int descriptor, int64_t offset, const void *data, size_t length) {
    struct entry entry = {op, descriptor, offset, (int64_t)length};
    put(&entry, sizeof entry);
    put(data, length);
}

static int opened(const char *path, int flags, mode_t mode) {
    pthread_mutex_lock(&step);
    int descriptor = real_open(path, flags, mode);
    if (descriptor >= 0 && descriptor < DESCRIPTORS) {
        const char *name = name_of(path);
        watched[descriptor] = name != NULL;
        if (name)
            record('o', descriptor, (flags & O_TRUNC) != 0, name, strlen(name));
    }
    pthread_mutex_unlock(&step);
    return descriptor;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...) {                                                   \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;             \
        va_end(arguments);                                                                         \
        return opened(path, flags, mode);                                                          \
    }
OPEN(open)
OPEN(open64)

int close(int descriptor) {
    int (*real)(int) = (int (*)(int))next_of("close");
    pthread_mutex_lock(&step);
    if (is_watched(descriptor)) {
        watched[descriptor] = 0;
        record('c', descriptor, 0, "", 0);
    }
    int result = real(descriptor);
    pthread_mutex_unlock(&step);
    return result;
}

ssize_t write(int descriptor, const void *data, size_t length) {
    if (!is_watched(descriptor))
        return real_write(descriptor, data, length);
    pthread_mutex_lock(&step);
    ssize_t done = real_write(descriptor, data, length);
    if (done > 0)
        record('w', descriptor, lseek(descriptor, 0, SEEK_CUR) - done, data, (size_t)done);
    pthread_mutex_unlock(&step);
    return done;
}

static ssize_t written(int descriptor, const void *data, size_t length, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t (*)(int, const void *, size_t, off64_t))next_of("pwrite64");
    pthread_mutex_lock(&step);
    ssize_t done = real(descriptor, data, length, offset);
    if (done > 0 && is_watched(descriptor))
        record('w', descriptor, offset, data, (size_t)done);
    pthread_mutex_unlock(&step);
    return done;
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t offset) {
    return written(descriptor, data, length, offset);
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t offset) {
    return written(descriptor, data, length, offset);
}

static int resized(int descriptor, off64_t size) {
    int (*real)(int, off64_t) = (int (*)(int, off64_t))next_of("ftruncate64");
    pthread_mutex_lock(&step);
    int result = real(descriptor, size);
    if (!result && is_watched(descriptor))
        record('t', descriptor, size, "", 0);
    pthread_mutex_unlock(&step);
    return result;
}

int ftruncate(int descriptor, off_t size) {
    return resized(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) {
    return resized(descriptor, size);
}

/* the disk below is not asked: that what was not synced vanishes is this record's reader's work */
static int synced(int descriptor, const char *name) {
    int (*real)(int) = (int (*)(int))next_of(name);
    if (!is_watched(descriptor))
        return real(descriptor);
    pthread_mutex_lock(&step);
    record('s', descriptor, 0, "", 0);
    pthread_mutex_unlock(&step);
    return 0;
}

int fsync(int descriptor) {
    return synced(descriptor, "fsync");
}

int fdatasync(int descriptor) {
    return synced(descriptor, "fdatasync");
}

int unlink(const char *path) {
    int (*real)(const char *) = (int (*)(const char *))next_of("unlink");
    pthread_mutex_lock(&step);
    int result = real(path);
    const char *name = name_of(path);
    if (!result && name)
        record('u', -1, 0, name, strlen(name));
    pthread_mutex_unlock(&step);
    return result;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) =
        (int (*)(const char *, const char *))next_of("rename");
    pthread_mutex_lock(&step);
    int result = real(from, to);
    const char *old = name_of(from), *new = name_of(to);
    if (!result && old && new) {
        struct entry entry = {'r', -1, 0, (int64_t)(strlen(old) + 1 + strlen(new))};
        put(&entry, sizeof entry);
        put(old, strlen(old) + 1);
        put(new, strlen(new));
    }
    pthread_mutex_unlock(&step);
    return result;
}

void power_cut_note(const char *text) {
    pthread_mutex_lock(&step);
    record('n', -1, 0, text, strlen(text));
    pthread_mutex_unlock(&step);
}
