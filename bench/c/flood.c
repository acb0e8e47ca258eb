// Sends UDP packets from many source addresses as fast as one core can.
//
//   flood device destination-mac destination-ip addresses seconds core
//
// The sources are drawn evenly from the first so many addresses of address.h. Prints packets and seconds.

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h> // struct sockaddr_ll, PACKET_QDISC_BYPASS
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

#define BURST 64
#define PAYLOAD 18 // makes the shortest Ethernet frame, 60 bytes without its checksum

struct packet {
  struct ether_header ethernet;
  struct iphdr ip;
  struct udphdr udp;
  uint8_t payload[PAYLOAD];
} __attribute__((packed));

static void fail(const char *what) {
  fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

// The internet checksum of a header of 20 bytes, RFC 1071.
static uint16_t checksum(const void *header) {
  uint16_t words[10];
  uint32_t sum = 0;
  memcpy(words, header, sizeof words);
  for (int i = 0; i < 10; i++) sum += words[i];
  sum = (sum & 0xffff) + (sum >> 16);
  return ~(sum + (sum >> 16));
}

// xorshift32 of Marsaglia, "Xorshift RNGs", 2003: the kernel must not be able to foresee the next address.
static uint32_t random32(void) {
  static uint32_t state = 2463534242u;
  state ^= state << 13;
  state ^= state >> 17;
  return state ^= state << 5;
}

static void set_source(struct packet *packet, uint32_t address) {
  packet->ip.saddr = htonl(address);
  packet->ip.check = 0;
  packet->ip.check = checksum(&packet->ip);
}

static struct packet packet_to(const char *mac, const char *ip) {
  struct packet packet = {
      .ethernet.ether_type = htons(ETHERTYPE_IP),
      .ip = {.version = 4,
             .ihl = 5,
             .tot_len = htons(sizeof packet - sizeof packet.ethernet),
             .ttl = 64,
             .protocol = IPPROTO_UDP,
             .daddr = inet_addr(ip)},
      // Without a checksum: zero says so (RFC 768).
      .udp = {.source = htons(9), .dest = htons(9), .len = htons(sizeof packet.udp + PAYLOAD)},
  };
  const struct ether_addr *destination = ether_aton(mac);
  if (destination == NULL) fail("mac");
  memcpy(packet.ethernet.ether_dhost, destination, ETH_ALEN);
  packet.ethernet.ether_shost[0] = 2; // locally administered
  return packet;
}

static int open_device(const char *name) {
  int device = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), on = 1;
  struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name)};
  if (device < 0 || link.sll_ifindex == 0 || bind(device, (struct sockaddr *)&link, sizeof link) < 0) fail(name);
  if (setsockopt(device, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0) fail("PACKET_QDISC_BYPASS");
  return device;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  uint32_t addresses = strtoul(argv[4], NULL, 10);
  double seconds = strtod(argv[5], NULL);
  cpu_set_t core;
  CPU_ZERO(&core);
  CPU_SET(atoi(argv[6]), &core);
  if (addresses == 0 || sched_setaffinity(0, sizeof core, &core) < 0) fail("core");
  int device = open_device(argv[1]);

  struct packet packets[BURST];
  struct iovec parts[BURST];
  struct mmsghdr messages[BURST] = {0};
  for (int i = 0; i < BURST; i++) {
    packets[i] = packet_to(argv[2], argv[3]);
    parts[i] = (struct iovec){&packets[i], sizeof packets[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }

  uint64_t sent = 0;
  double start = now(), elapsed = 0;
  for (; elapsed < seconds; elapsed = now() - start) {
    for (int i = 0; i < BURST; i++) set_source(&packets[i], address_of(random32() % addresses));
    int count = sendmmsg(device, messages, BURST, 0);
    if (count > 0) sent += count;
    else if (errno != ENOBUFS) fail("sendmmsg");
  }
  printf("%llu %.3f\n", (unsigned long long)sent, elapsed);
  return 0;
}
