/*
 * A file system that shows a directory as it is: what the kernel's FUSE and libfuse cost without any sealing. Every object
 * that the kernel knows is a descriptor (O_PATH); the kernel caches all it can, for nobody else changes the directory.
 *
 *     pass-through DIRECTORY MOUNTPOINT      serves until it is unmounted
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 312
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CACHED_SECONDS 86400.0
#define BUCKETS (1 << 16)

struct node {
    int fd;
    dev_t dev;
    ino_t ino;
    uint64_t lookups;
    struct node *next;
};

struct listing {
    DIR *dir;
    struct dirent *entry; /* read, but not answered yet */
    off_t offset;
};

static struct node root = {.lookups = 1};
static struct node *buckets[BUCKETS];
static pthread_mutex_t table = PTHREAD_MUTEX_INITIALIZER;

static struct node *node_of(fuse_ino_t ino) { return ino == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)ino; }

static struct node **bucket_of(ino_t ino) { return &buckets[(ino * 0x9e3779b97f4a7c15ull) >> 48 & (BUCKETS - 1)]; }

/* The path by which a descriptor that was opened with O_PATH is opened again. */
static char *path_of(fuse_ino_t ino, char path[64]) {
    snprintf(path, 64, "/proc/self/fd/%d", node_of(ino)->fd);
    return path;
}

static void answer(fuse_req_t req, int result) { fuse_reply_err(req, result == -1 ? errno : 0); }

/* Finds a name and counts one lookup of what it names; 0 or an errno. */
static int find(fuse_ino_t parent, const char *name, struct fuse_entry_param *entry) {
    memset(entry, 0, sizeof *entry);
    entry->attr_timeout = entry->entry_timeout = CACHED_SECONDS;
    int fd = openat(node_of(parent)->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd == -1) return errno;
    if (fstatat(fd, "", &entry->attr, AT_EMPTY_PATH) == -1) {
        int error = errno;
        close(fd);
        return error;
    }
    pthread_mutex_lock(&table);
    struct node **bucket = bucket_of(entry->attr.st_ino), *node = *bucket;
    while (node != NULL && (node->ino != entry->attr.st_ino || node->dev != entry->attr.st_dev)) node = node->next;
    if (node != NULL) close(fd);
    else if ((node = calloc(1, sizeof *node)) != NULL) {
        *node = (struct node){.fd = fd, .dev = entry->attr.st_dev, .ino = entry->attr.st_ino, .next = *bucket};
        *bucket = node;
    }
    if (node != NULL) node->lookups++;
    else close(fd);
    pthread_mutex_unlock(&table);
    entry->ino = (uintptr_t)node;
    return node == NULL ? ENOMEM : 0;
}

static void forget_one(fuse_ino_t ino, uint64_t count) {
    if (ino == FUSE_ROOT_ID) return;
    struct node *node = node_of(ino);
    pthread_mutex_lock(&table);
    node->lookups -= count;
    if (node->lookups == 0) {
        struct node **at = bucket_of(node->ino);
        while (*at != node) at = &(*at)->next;
        *at = node->next;
        close(node->fd);
        free(node);
    }
    pthread_mutex_unlock(&table);
}

static void answer_entry(fuse_req_t req, fuse_ino_t parent, const char *name, int result) {
    struct fuse_entry_param entry;
    int error = result == -1 ? errno : find(parent, name, &entry);
    if (error != 0) fuse_reply_err(req, error);
    else fuse_reply_entry(req, &entry);
}

static void init(void *data, struct fuse_conn_info *connection) {
    (void)data;
    connection->want |= connection->capable & (FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                                               FUSE_CAP_SPLICE_READ | FUSE_CAP_READDIRPLUS);
}

static void lookup(fuse_req_t req, fuse_ino_t parent, const char *name) { answer_entry(req, parent, name, 0); }

static void forget(fuse_req_t req, fuse_ino_t ino, uint64_t count) {
    forget_one(ino, count);
    fuse_reply_none(req);
}

static void forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *all) {
    for (size_t i = 0; i < count; i++) forget_one(all[i].ino, all[i].nlookup);
    fuse_reply_none(req);
}

static void getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)file;
    struct stat stat;
    if (fstatat(node_of(ino)->fd, "", &stat, AT_EMPTY_PATH) == -1) fuse_reply_err(req, errno);
    else fuse_reply_attr(req, &stat, CACHED_SECONDS);
}

static void setattr(fuse_req_t req, fuse_ino_t ino, struct stat *to, int which, struct fuse_file_info *file) {
    char path[64];
    path_of(ino, path);
    int result = 0;
    if (which & FUSE_SET_ATTR_MODE) result = chmod(path, to->st_mode);
    if (result != -1 && which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) {
        uid_t uid = which & FUSE_SET_ATTR_UID ? to->st_uid : (uid_t)-1;
        gid_t gid = which & FUSE_SET_ATTR_GID ? to->st_gid : (gid_t)-1;
        result = fchownat(node_of(ino)->fd, "", uid, gid, AT_EMPTY_PATH);
    }
    if (result != -1 && which & FUSE_SET_ATTR_SIZE)
        result = file != NULL ? ftruncate(file->fh, to->st_size) : truncate(path, to->st_size);
    if (result != -1 && which & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)) {
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
        if (which & FUSE_SET_ATTR_ATIME) times[0] = to->st_atim;
        if (which & FUSE_SET_ATTR_MTIME) times[1] = to->st_mtim;
        if (which & FUSE_SET_ATTR_ATIME_NOW) times[0].tv_nsec = UTIME_NOW;
        if (which & FUSE_SET_ATTR_MTIME_NOW) times[1].tv_nsec = UTIME_NOW;
        result = utimensat(AT_FDCWD, path, times, 0);
    }
    if (result == -1) fuse_reply_err(req, errno);
    else getattr(req, ino, file);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino) {
    char target[4097];
    ssize_t length = readlinkat(node_of(ino)->fd, "", target, sizeof target - 1);
    if (length == -1) {
        fuse_reply_err(req, errno);
        return;
    }
    target[length] = '\0';
    fuse_reply_readlink(req, target);
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode) {
    answer_entry(req, parent, name, mkdirat(node_of(parent)->fd, name, mode));
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name) {
    answer_entry(req, parent, name, symlinkat(target, node_of(parent)->fd, name));
}

static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name) {
    char path[64];
    int result = linkat(AT_FDCWD, path_of(ino, path), node_of(parent)->fd, name, AT_SYMLINK_FOLLOW);
    answer_entry(req, parent, name, result);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name) {
    answer(req, unlinkat(node_of(parent)->fd, name, 0));
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name) {
    answer(req, unlinkat(node_of(parent)->fd, name, AT_REMOVEDIR));
}

static void do_rename(fuse_req_t req, fuse_ino_t from, const char *name, fuse_ino_t to, const char *new, unsigned flags) {
    answer(req, renameat2(node_of(from)->fd, name, node_of(to)->fd, new, flags));
}

/* What the kernel's write-back cache needs: it reads around what is written, and does the appending. */
static int flags_here(int flags) {
    if ((flags & O_ACCMODE) == O_WRONLY) flags = (flags & ~O_ACCMODE) | O_RDWR;
    return (flags & ~(O_APPEND | O_NOFOLLOW)) | O_CLOEXEC;
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    char path[64];
    int fd = open(path_of(ino, path), flags_here(file->flags));
    if (fd == -1) {
        fuse_reply_err(req, errno);
        return;
    }
    file->fh = fd;
    file->keep_cache = 1;
    fuse_reply_open(req, file);
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *file) {
    int fd = openat(node_of(parent)->fd, name, flags_here(file->flags) | O_CREAT, mode);
    if (fd == -1) {
        fuse_reply_err(req, errno);
        return;
    }
    struct fuse_entry_param entry;
    int error = find(parent, name, &entry);
    file->fh = fd;
    file->keep_cache = 1;
    if (error == 0) fuse_reply_create(req, &entry, file);
    else {
        close(fd);
        fuse_reply_err(req, error);
    }
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file) {
    (void)ino;
    struct fuse_bufvec data = FUSE_BUFVEC_INIT(size);
    data.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    data.buf[0].fd = file->fh;
    data.buf[0].pos = offset;
    fuse_reply_data(req, &data, FUSE_BUF_SPLICE_MOVE);
}

static void write_buf(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *data, off_t offset, struct fuse_file_info *file) {
    (void)ino;
    struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(data));
    out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    out.buf[0].fd = file->fh;
    out.buf[0].pos = offset;
    ssize_t written = fuse_buf_copy(&out, data, 0);
    if (written < 0) fuse_reply_err(req, -written);
    else fuse_reply_write(req, written);
}

static void flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    answer(req, close(dup(file->fh)));
}

static void release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    answer(req, close(file->fh));
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *file) {
    (void)ino;
    answer(req, datasync ? fdatasync(file->fh) : fsync(file->fh));
}

static void do_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    struct listing *listing = calloc(1, sizeof *listing);
    int fd = openat(node_of(ino)->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (listing == NULL || fd == -1 || (listing->dir = fdopendir(fd)) == NULL) {
        fuse_reply_err(req, listing == NULL ? ENOMEM : errno);
        free(listing);
        return;
    }
    file->fh = (uintptr_t)listing;
    file->cache_readdir = 1;
    file->keep_cache = 1;
    fuse_reply_open(req, file);
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file, int plus) {
    struct listing *listing = (struct listing *)(uintptr_t)file->fh;
    char *answered = malloc(size);
    size_t used = 0;
    if (offset != listing->offset) {
        seekdir(listing->dir, offset);
        listing->entry = NULL;
    }
    while (listing->entry != NULL || (listing->entry = readdir(listing->dir)) != NULL) {
        struct dirent *found = listing->entry;
        const char *name = found->d_name;
        int is_dot = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        struct fuse_entry_param entry = {.attr = {.st_ino = found->d_ino, .st_mode = found->d_type << 12}};
        if (plus && !is_dot && find(ino, name, &entry) != 0) entry.ino = 0;
        size_t needed = plus ? fuse_add_direntry_plus(req, answered + used, size - used, name, &entry, found->d_off)
                             : fuse_add_direntry(req, answered + used, size - used, name, &entry.attr, found->d_off);
        if (needed > size - used) {
            if (plus && !is_dot && entry.ino != 0) forget_one(entry.ino, 1);
            break;
        }
        used += needed;
        listing->offset = found->d_off;
        listing->entry = NULL;
    }
    fuse_reply_buf(req, answered, used);
    free(answered);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file) {
    list(req, ino, size, offset, file, 0);
}

static void readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *file) {
    list(req, ino, size, offset, file, 1);
}

static void releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *file) {
    (void)ino;
    struct listing *listing = (struct listing *)(uintptr_t)file->fh;
    closedir(listing->dir);
    free(listing);
    fuse_reply_err(req, 0);
}

static void do_statfs(fuse_req_t req, fuse_ino_t ino) {
    struct statvfs stat;
    if (fstatvfs(node_of(ino)->fd, &stat) == -1) fuse_reply_err(req, errno);
    else fuse_reply_statfs(req, &stat);
}

/* Answers a value, or its length to who gives no room for it. */
static void answer_value(fuse_req_t req, const char *value, ssize_t length, size_t size) {
    if (length == -1) fuse_reply_err(req, errno);
    else if (size == 0) fuse_reply_xattr(req, length);
    else fuse_reply_buf(req, value, length);
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size) {
    char path[64], *value = malloc(size + 1);
    answer_value(req, value, getxattr(path_of(ino, path), name, value, size), size);
    free(value);
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
    char path[64], *names = malloc(size + 1);
    answer_value(req, names, listxattr(path_of(ino, path), names, size), size);
    free(names);
}

static void do_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags) {
    char path[64];
    answer(req, setxattr(path_of(ino, path), name, value, size, flags));
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name) {
    char path[64];
    answer(req, removexattr(path_of(ino, path), name));
}

static void do_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, struct fuse_file_info *file) {
    (void)ino;
    answer(req, fallocate(file->fh, mode, offset, length));
}

static const struct fuse_lowlevel_ops operations = {
    .init = init,         .lookup = lookup,         .forget = forget,       .forget_multi = forget_multi,
    .getattr = getattr,   .setattr = setattr,       .readlink = do_readlink, .mkdir = do_mkdir,
    .symlink = do_symlink, .link = do_link,         .unlink = do_unlink,    .rmdir = do_rmdir,
    .rename = do_rename,  .open = do_open,          .create = do_create,    .read = do_read,
    .write_buf = write_buf, .flush = flush,         .release = release,     .fsync = do_fsync,
    .opendir = do_opendir, .readdir = do_readdir,   .readdirplus = readdirplus, .releasedir = releasedir,
    .statfs = do_statfs,  .getxattr = do_getxattr,  .setxattr = do_setxattr, .listxattr = do_listxattr,
    .removexattr = do_removexattr, .fallocate = do_fallocate,
};

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: pass-through DIRECTORY MOUNTPOINT\n");
        return 2;
    }
    umask(0);
    root.fd = open(arguments[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root.fd == -1) {
        perror(arguments[1]);
        return 1;
    }
    char *options[] = {arguments[0], "-o", "default_permissions,allow_other,fsname=pass-through"};
    struct fuse_args args = FUSE_ARGS_INIT(3, options);
    struct fuse_session *session = fuse_session_new(&args, &operations, sizeof operations, NULL);
    if (session == NULL || fuse_set_signal_handlers(session) != 0) return 1;
    if (fuse_session_mount(session, arguments[2]) != 0) return 1;
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    int result = fuse_session_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    fuse_session_unmount(session);
    fuse_session_destroy(session);
    return result == 0 ? 0 : 1;
}
