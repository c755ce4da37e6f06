/*
 * Runs a command with its output thrown away, and prints one line: how long it took from start to
 * end in microseconds, its peak memory in KiB, its exit code (-1 after a signal). With -o in front of
 * the command, what it writes to stdout (a line of its own) stands behind that.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    int keep = argc > 1 && strcmp(argv[1], "-o") == 0;
    char **command = argv + 1 + keep;
    posix_spawn_file_actions_t streams;
    struct timespec start, end;
    struct rusage usage;
    char said[256] = "";
    int status, ends[2];
    pid_t child;

    if (argc < 2 + keep || pipe2(ends, O_CLOEXEC) != 0)
        return 2;
    posix_spawn_file_actions_init(&streams);
    posix_spawn_file_actions_addopen(&streams, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&streams, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&streams, 2, "/dev/null", O_WRONLY, 0);
    if (keep)
        posix_spawn_file_actions_adddup2(&streams, ends[1], 1);
    clock_gettime(CLOCK_MONOTONIC, &start);
    if (posix_spawn(&child, command[0], &streams, NULL, command, environ) != 0)
        return 2;
    if (wait4(child, &status, 0, &usage) < 0)
        return 2;
    clock_gettime(CLOCK_MONOTONIC, &end);
    close(ends[1]);
    if (keep && read(ends[0], said, sizeof said - 1) < 0)
        return 2;
    printf("%.1f %ld %d %s\n",
           (end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) / 1e3,
           usage.ru_maxrss, WIFEXITED(status) ? WEXITSTATUS(status) : -1, said);
    return 0;
}
