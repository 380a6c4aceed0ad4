/* LD_PRELOAD: a disk that fails when it is told to.

   KOGGE_FAULTY_DISK is the directory (absolute, resolved), KOGGE_DISK_FAULT a file elsewhere whose
   first word is read at each call, and says how everything below the directory fails from now on:

   none    not at all; as when there is no such file
   enospc  nothing more can be written, made or grown, as on a full disk that copies on write
   eio     nothing can be read, written, synced, made or renamed
   erofs   nothing can be written or changed; what is there can be read, and a sync has nothing to do

   What is on the disk already stays as it is. Descriptors that a process inherits are not watched,
   nor are mmap, writev and sendfile: SQLite, as this project opens it, and Python's files use none. */

#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define DESCRIPTORS 4096

enum { READS = 1, WRITES = 2, SYNCS = 4, SHRINKS = 8 };

struct fault {
    const char *word;
    int error, fails;
};

static const struct fault faults[] = {
    {"enospc", ENOSPC, WRITES},
    {"eio", EIO, READS | WRITES | SYNCS | SHRINKS},
    {"erofs", EROFS, WRITES | SHRINKS},
};

static const char *disk, *control;
static char watched[DESCRIPTORS];

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_read)(int, void *, size_t);

static void *next_of(const char *name) {
    return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void begin(void) {
    real_open = (int (*)(const char *, int, ...))next_of("open64");
    real_close = (int (*)(int))next_of("close");
    real_read = (ssize_t (*)(int, void *, size_t))next_of("read");
    control = getenv("KOGGE_DISK_FAULT");
    disk = getenv("KOGGE_FAULTY_DISK");
}

static int is_below(const char *path) {
    size_t length = disk && control ? strlen(disk) : 0;
    return length && path && !strncmp(path, disk, length) && (path[length] == '/' || !path[length]);
}

static int is_watched(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS && watched[descriptor];
}

/* whether this kind of call fails just now; then errno says how */
static int fails(int kind) {
    char word[16] = "";
    int kept = errno, file = real_open(control, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (real_read(file, word, sizeof word - 1) < 0)
            abort();
        real_close(file);
    }
    errno = kept;
    word[strcspn(word, " \n")] = 0;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (!strcmp(word, faults[i].word) && faults[i].fails & kind) {
            errno = faults[i].error;
            return 1;
        }
    return 0;
}

static int opened(const char *path, int flags, mode_t mode) {
    int below = is_below(path);
    if (below) {
        int makes = (flags & O_CREAT) && access(path, F_OK);
        int writes = (flags & O_ACCMODE) != O_RDONLY;
        if ((makes && fails(WRITES)) || (writes && fails(SHRINKS)) || fails(READS))
            return -1;
    }
    int descriptor = real_open(path, flags, mode);
    if (descriptor >= 0 && descriptor < DESCRIPTORS)
        watched[descriptor] = (char)below;
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
    if (is_watched(descriptor))
        watched[descriptor] = 0;
    return real_close(descriptor);
}

#define ON_DESCRIPTOR(type, name, kind, parameters, arguments)                                     \
    type name parameters {                                                                         \
        if (is_watched(descriptor) && fails(kind))                                                 \
            return -1;                                                                             \
        return ((type(*) parameters)next_of(#name))arguments;                                      \
    }
ON_DESCRIPTOR(ssize_t, read, READS, (int descriptor, void *data, size_t length),
              (descriptor, data, length))
ON_DESCRIPTOR(ssize_t, pread, READS, (int descriptor, void *data, size_t length, off_t offset),
              (descriptor, data, length, offset))
ON_DESCRIPTOR(ssize_t, pread64, READS, (int descriptor, void *data, size_t length, off64_t offset),
              (descriptor, data, length, offset))
ON_DESCRIPTOR(ssize_t, write, WRITES, (int descriptor, const void *data, size_t length),
              (descriptor, data, length))
ON_DESCRIPTOR(ssize_t, pwrite, WRITES,
              (int descriptor, const void *data, size_t length, off_t offset),
              (descriptor, data, length, offset))
ON_DESCRIPTOR(ssize_t, pwrite64, WRITES,
              (int descriptor, const void *data, size_t length, off64_t offset),
              (descriptor, data, length, offset))
ON_DESCRIPTOR(int, fsync, SYNCS, (int descriptor), (descriptor))
ON_DESCRIPTOR(int, fdatasync, SYNCS, (int descriptor), (descriptor))

/* grown it needs room; cut shorter it gives some */
static int resized(int descriptor, off64_t size) {
    struct stat found;
    if (is_watched(descriptor) && !fstat(descriptor, &found))
        if (fails(size > found.st_size ? WRITES : SHRINKS))
            return -1;
    return ((int (*)(int, off64_t))next_of("ftruncate64"))(descriptor, size);
}

int ftruncate(int descriptor, off_t size) {
    return resized(descriptor, size);
}

int ftruncate64(int descriptor, off64_t size) {
    return resized(descriptor, size);
}

#define ON_PATH(name, kind, parameters, arguments)                                                 \
    int name parameters {                                                                          \
        if (is_below(path) && fails(kind))                                                         \
            return -1;                                                                             \
        return ((int(*) parameters)next_of(#name))arguments;                                       \
    }
ON_PATH(unlink, SHRINKS, (const char *path), (path))
ON_PATH(rename, SHRINKS, (const char *path, const char *to), (path, to))
ON_PATH(mkdir, WRITES, (const char *path, mode_t mode), (path, mode))
