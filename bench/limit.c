/*
 * The limit: the ioctls of `offload disable DEVICE... --live-only` and nothing else. Reads the
 * features of each device, clears the wanted ones that can be changed and are on or requested with
 * one write, and reads back. Fails where one of them is left.
 *
 *   limit off DEVICE...    turns off and reads back
 *   limit read DEVICE...   reads only
 *   limit on DEVICE...     turns on again, to begin anew; nothing of the benchmark's is timed by it
 *
 * Prints how long that took in microseconds, without the start of the process.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCKS 4

static const char *const WANTED[] = {
    "rx-checksum",         "tx-checksum-ipv4",     "tx-checksum-ip-generic",
    "tx-checksum-ipv6",    "tx-checksum-fcoe-crc", "tx-checksum-sctp",
    "tx-scatter-gather",   "tx-scatter-gather-fraglist",
    "tx-tcp-segmentation", "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation", "tx-tcp6-segmentation",
    "tx-udp-fragmentation", "tx-generic-segmentation", "rx-gro", "rx-lro",
};

static int sock;

static int call(const char *device, void *command)
{
    struct ifreq request;

    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, device, IFNAMSIZ - 1);
    request.ifr_data = command;
    return ioctl(sock, SIOCETHTOOL, &request);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* The bits of WANTED, and how many blocks of 32 the kernel's features fill. */
static unsigned wanted_bits(const char *device, __u32 wanted[BLOCKS])
{
    struct {
        struct ethtool_sset_info info;
        __u32 count;
    } set = {.info = {.cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES}};
    struct ethtool_gstrings *names;
    unsigned index, word;

    if (call(device, &set) != 0)
        fail(device);
    if (set.count > BLOCKS * 32)
        exit(1);
    names = calloc(1, sizeof *names + set.count * ETH_GSTRING_LEN);
    if (names == NULL)
        fail("memory");
    names->cmd = ETHTOOL_GSTRINGS;
    names->string_set = ETH_SS_FEATURES;
    names->len = set.count;
    if (call(device, names) != 0)
        fail(device);
    for (index = 0; index < set.count; index++)
        for (word = 0; word < sizeof WANTED / sizeof *WANTED; word++)
            if (strcmp((char *)names->data + index * ETH_GSTRING_LEN, WANTED[word]) == 0)
                wanted[index / 32] |= 1U << (index % 32);
    free(names);
    return (set.count + 31) / 32;
}

/* The bits to clear on a device, and whether there are any. */
static int to_clear(const char *device, unsigned blocks, const __u32 wanted[BLOCKS],
                    __u32 clear[BLOCKS])
{
    struct {
        struct ethtool_gfeatures head;
        struct ethtool_get_features_block blocks[BLOCKS];
    } get = {.head = {.cmd = ETHTOOL_GFEATURES, .size = blocks}};
    unsigned block;
    int any = 0;

    if (call(device, &get) != 0)
        fail(device);
    for (block = 0; block < blocks; block++) {
        const struct ethtool_get_features_block *now = &get.blocks[block];

        clear[block] = wanted[block] & now->available & ~now->never_changed &
                       (now->active | now->requested);
        any |= clear[block] != 0;
    }
    return any;
}

int main(int argc, char **argv)
{
    __u32 wanted[BLOCKS] = {0};
    __u32(*clear)[BLOCKS];
    struct timespec start, end;
    unsigned blocks, block;
    int device, off, on;

    if (argc < 3)
        return 2;
    off = strcmp(argv[1], "off") == 0;
    on = strcmp(argv[1], "on") == 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    clear = calloc(argc, sizeof *clear);
    sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (clear == NULL || sock < 0)
        fail("start");
    blocks = wanted_bits(argv[2], wanted);
    /* As offload does: all are read, then all are written, then all that were written read back. */
    for (device = 2; device < argc; device++)
        to_clear(argv[device], blocks, wanted, clear[device]);
    for (device = 2; device < argc && (off || on); device++) {
        struct {
            struct ethtool_sfeatures head;
            struct ethtool_set_features_block blocks[BLOCKS];
        } set = {.head = {.cmd = ETHTOOL_SFEATURES, .size = blocks}};
        int any = 0;

        for (block = 0; block < blocks; block++) {
            set.blocks[block].valid = on ? wanted[block] : clear[device][block];
            set.blocks[block].requested = on ? wanted[block] : 0;
            any |= set.blocks[block].valid != 0;
        }
        if (any && call(argv[device], &set) < 0)
            fail(argv[device]);
    }
    for (device = 2; device < argc && off; device++)
        if (to_clear(argv[device], blocks, wanted, clear[device])) {
            fprintf(stderr, "%s: not off\n", argv[device]);
            return 1;
        }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.1f\n", (end.tv_sec - start.tv_sec) * 1e6 + (end.tv_nsec - start.tv_nsec) / 1e3);
    return 0;
}
