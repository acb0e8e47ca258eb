// Loads IPv4 hosts with timeouts into an nf_tables hash set over raw netlink: what the kernel itself needs for it, which
// no program can beat. The table stays, so that somebody else can count what is in it.
//
//   load [-n elements] [-b elements in a batch, 0 for all in one] [-c] [-t table]
//
// -c has every element count its packets. Prints milliseconds, from the first element to the last answer of the kernel.

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>           // NFPROTO_INET
#include <linux/netfilter/nf_tables.h> // NFT_MSG_*, NFTA_*
#include <linux/netfilter/nfnetlink.h> // struct nfgenmsg, NFNL_*
#include <linux/netlink.h>             // struct nlmsghdr, struct nlattr
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

// nft's own number for the type ipv4_addr, enum datatypes in its datatype.h: for display only.
#define KEY_TYPE_IPV4 7
#define TIMEOUT_MS 3600000

// Bytes of one element: headers of the item, its key and the key's value, the address, the timeout.
#define ELEMENT_LENGTH (3 * NLA_HDRLEN + 4 + NLA_HDRLEN + 8)
// An attribute's length has 16 bits, and counts its header.
#define ELEMENTS_IN_MESSAGE ((UINT16_MAX - NLA_HDRLEN) / ELEMENT_LENGTH)
#define MESSAGE_OVERHEAD 256

static char *buffer;
static size_t used;
static uint32_t sequence = 1;
static const char *table = "load";

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static struct nlmsghdr *begin_message(uint16_t type, uint16_t flags, uint8_t family, uint16_t resource) {
  struct nlmsghdr *message = (struct nlmsghdr *)(buffer + used);
  struct nfgenmsg *body = NLMSG_DATA(message);
  *message = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = sequence++};
  *body = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
  used += NLMSG_LENGTH(sizeof *body);
  return message;
}

static void end_message(struct nlmsghdr *message) { message->nlmsg_len = buffer + used - (char *)message; }

static struct nlmsghdr *begin_change(uint8_t type, uint16_t flags) {
  return begin_message(NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

static struct nlattr *begin_attribute(uint16_t type) {
  struct nlattr *attribute = (struct nlattr *)(buffer + used);
  attribute->nla_type = type;
  used += NLA_HDRLEN;
  return attribute;
}

// The length leaves out the padding that follows.
static void end_attribute(struct nlattr *attribute) {
  attribute->nla_len = buffer + used - (char *)attribute;
  while (used % NLA_ALIGNTO != 0) buffer[used++] = 0;
}

static void put(uint16_t type, const void *value, size_t length) {
  struct nlattr *attribute = begin_attribute(type);
  memcpy(buffer + used, value, length);
  used += length;
  end_attribute(attribute);
}

static void put_text(uint16_t type, const char *text) { put(type, text, strlen(text) + 1); }

static void put_be32(uint16_t type, uint32_t value) {
  value = htonl(value);
  put(type, &value, sizeof value);
}

static void begin_batch(void) {
  used = 0;
  end_message(begin_message(NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

// Sends the batch and waits for the answer to its last message, which asked for one. Refusals come unasked.
static void commit(int netlink, uint32_t last) {
  end_message(begin_message(NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
  if (send(netlink, buffer, used, 0) != (ssize_t)used) fail("send");
  for (;;) {
    char answers[16384];
    int length = recv(netlink, answers, sizeof answers, 0);
    if (length < 0) fail("recv");
    for (struct nlmsghdr *m = (struct nlmsghdr *)answers; NLMSG_OK(m, length); m = NLMSG_NEXT(m, length)) {
      if (m->nlmsg_type != NLMSG_ERROR) continue;
      struct nlmsgerr *answer = NLMSG_DATA(m);
      errno = -answer->error;
      if (errno != 0) fail("the kernel refuses");
      if (m->nlmsg_seq == last) return;
    }
  }
}

// table inet load { set hosts { type ipv4_addr; flags timeout; [counter;] } }
static void make_set(int netlink, int counters) {
  begin_batch();
  struct nlmsghdr *message = begin_change(NFT_MSG_NEWTABLE, NLM_F_CREATE);
  put_text(NFTA_TABLE_NAME, table);
  end_message(message);
  uint32_t last = sequence;
  message = begin_change(NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_ACK);
  put_text(NFTA_SET_TABLE, table);
  put_text(NFTA_SET_NAME, "hosts");
  put_be32(NFTA_SET_ID, 1);
  put_be32(NFTA_SET_KEY_TYPE, KEY_TYPE_IPV4);
  put_be32(NFTA_SET_KEY_LEN, 4);
  put_be32(NFTA_SET_FLAGS, NFT_SET_TIMEOUT);
  if (counters) {
    struct nlattr *expression = begin_attribute(NFTA_SET_EXPR | NLA_F_NESTED);
    put_text(NFTA_EXPR_NAME, "counter");
    end_attribute(begin_attribute(NFTA_EXPR_DATA | NLA_F_NESTED));
    end_attribute(expression);
  }
  end_message(message);
  commit(netlink, last);
}

static void put_element(uint32_t address) {
  struct nlattr *element = begin_attribute(NFTA_LIST_ELEM | NLA_F_NESTED);
  struct nlattr *key = begin_attribute(NFTA_SET_ELEM_KEY | NLA_F_NESTED);
  put_be32(NFTA_DATA_VALUE, address);
  end_attribute(key);
  uint64_t timeout = htobe64(TIMEOUT_MS);
  put(NFTA_SET_ELEM_TIMEOUT, &timeout, sizeof timeout);
  end_attribute(element);
}

// add element inet load hosts { ... }, in as many messages as it takes, one transaction
static void add_elements(int netlink, uint32_t from, uint32_t to) {
  uint32_t last = 0;
  begin_batch();
  for (uint32_t index = from; index < to;) {
    uint32_t end = to - index > ELEMENTS_IN_MESSAGE ? index + ELEMENTS_IN_MESSAGE : to;
    last = sequence;
    struct nlmsghdr *message = begin_change(NFT_MSG_NEWSETELEM, NLM_F_CREATE | (end == to ? NLM_F_ACK : 0));
    put_text(NFTA_SET_ELEM_LIST_TABLE, table);
    put_text(NFTA_SET_ELEM_LIST_SET, "hosts");
    struct nlattr *list = begin_attribute(NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
    for (; index < end; index++) put_element(address_of(index));
    end_attribute(list);
    end_message(message);
  }
  commit(netlink, last);
}

static double now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  uint32_t elements = 1000000, batch = 10000;
  int counters = 0, option;
  while ((option = getopt(argc, argv, "n:b:ct:")) != -1) {
    if (option == 'n') elements = strtoul(optarg, NULL, 10);
    else if (option == 'b') batch = strtoul(optarg, NULL, 10);
    else if (option == 'c') counters = 1;
    else if (option == 't') table = optarg;
    else return 2;
  }
  if (batch == 0) batch = elements;
  int room = batch * ELEMENT_LENGTH + (batch / ELEMENTS_IN_MESSAGE + 4) * MESSAGE_OVERHEAD;
  buffer = malloc(room);
  int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (buffer == NULL || netlink < 0 || connect(netlink, (struct sockaddr *)&kernel, sizeof kernel) < 0) fail("socket");
  // Touches every page beforehand, and lets a batch be as long as it is.
  memset(buffer, 0, room);
  if (setsockopt(netlink, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0) fail("SO_SNDBUFFORCE");
  make_set(netlink, counters);
  double start = now_ms();
  for (uint32_t from = 0; from < elements; from += batch) {
    add_elements(netlink, from, elements - from > batch ? from + batch : elements);
  }
  printf("%.1f\n", now_ms() - start);
  return 0;
}
