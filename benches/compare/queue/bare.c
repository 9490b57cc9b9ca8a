/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The least that a program can do on NFQUEUE: receives many packets at once, and accepts them all
 * with one message, without looking at them. What it takes for a packet is the floor under what
 * any program takes.
 *
 *	bare QUEUE PACKETS
 *
 * PACKETS is how many may wait.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Packets received at once, and room for the message about one of them. */
#define AT_ONCE 64
#define MESSAGE 512

/* What is copied of a packet: the fixed part of its header, of either family. */
#define COPIED 40

/* What a message takes of the receive buffer, roughly, before the kernel doubles it. */
#define MESSAGE_IN_BUFFER 640

struct message {
	struct nlmsghdr netlink;
	struct nfgenmsg netfilter;
	char attributes[128];
};

/* Begins a message to a queue. */
static void begin(struct message *message, int type, int flags, int queue)
{
	memset(message, 0, sizeof *message);
	message->netlink.nlmsg_len = NLMSG_LENGTH(sizeof message->netfilter);
	message->netlink.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type;
	message->netlink.nlmsg_flags = NLM_F_REQUEST | flags;
	message->netfilter.version = NFNETLINK_V0;
	message->netfilter.res_id = htons(queue);
}

static void put(struct message *message, int type, const void *value, size_t length)
{
	char *end = (char *)message + message->netlink.nlmsg_len;
	struct nlattr header = { .nla_len = NLA_HDRLEN + length, .nla_type = type };

	memcpy(end, &header, sizeof header);
	memcpy(end + NLA_HDRLEN, value, length);
	message->netlink.nlmsg_len += NLA_ALIGN(header.nla_len);
}

static void put_number(struct message *message, int type, uint32_t number)
{
	number = htonl(number);
	put(message, type, &number, sizeof number);
}

/* A socket that has the queue. */
static int take_queue(int queue, int packets)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND };
	struct nfqnl_msg_config_params params = {
		.copy_range = htonl(COPIED), .copy_mode = NFQNL_COPY_PACKET,
	};
	struct {
		struct nlmsghdr netlink;
		struct nlmsgerr error;
	} answer;
	struct message message;
	int bytes = packets * MESSAGE_IN_BUFFER, one = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
		err(1, "netlink socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
		err(1, "receive buffer");
	if (setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof one) < 0)
		err(1, "NETLINK_NO_ENOBUFS");

	begin(&message, NFQNL_MSG_CONFIG, NLM_F_ACK, queue);
	put(&message, NFQA_CFG_CMD, &command, sizeof command);
	put(&message, NFQA_CFG_PARAMS, &params, sizeof params);
	put_number(&message, NFQA_CFG_QUEUE_MAXLEN, packets);
	put_number(&message, NFQA_CFG_MASK, NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN);
	put_number(&message, NFQA_CFG_FLAGS, NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN);
	if (send(fd, &message, message.netlink.nlmsg_len, 0) < 0)
		err(1, "queue %d", queue);
	/* The rules send no packets yet, so nothing else can come first. */
	if (recv(fd, &answer, sizeof answer, 0) < (ssize_t)sizeof answer ||
	    answer.netlink.nlmsg_type != NLMSG_ERROR)
		errx(1, "queue %d: no answer", queue);
	if (answer.error.error != 0)
		errx(1, "queue %d: %s", queue, strerror(-answer.error.error));
	return fd;
}

/* The number of the packet that a message is about, as it came. */
static uint32_t packet_number(const char *message, size_t length)
{
	size_t at = NLMSG_LENGTH(sizeof(struct nfgenmsg));

	while (at + NLA_HDRLEN + sizeof(struct nfqnl_msg_packet_hdr) <= length) {
		const struct nlattr *attribute = (const void *)(message + at);

		if (attribute->nla_type == NFQA_PACKET_HDR) {
			const struct nfqnl_msg_packet_hdr *header =
				(const void *)(message + at + NLA_HDRLEN);
			return header->packet_id;
		}
		if (attribute->nla_len < NLA_HDRLEN)
			break;
		at += NLA_ALIGN(attribute->nla_len);
	}
	errx(1, "a message that is about no packet");
}

int main(int argc, char **argv)
{
	static char room[AT_ONCE][MESSAGE] __attribute__((aligned(8)));
	struct mmsghdr headers[AT_ONCE] = { 0 };
	struct iovec pieces[AT_ONCE];
	int fd, queue;

	if (argc != 3)
		errx(2, "usage: bare QUEUE PACKETS");
	queue = atoi(argv[1]);
	fd = take_queue(queue, atoi(argv[2]));
	for (int i = 0; i < AT_ONCE; i++) {
		pieces[i] = (struct iovec){ room[i], MESSAGE };
		headers[i].msg_hdr.msg_iov = &pieces[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		struct nfqnl_msg_verdict_hdr verdict = { .verdict = htonl(NF_ACCEPT) };
		struct message message;
		int last = recvmmsg(fd, headers, AT_ONCE, MSG_WAITFORONE, NULL) - 1;

		if (last < 0)
			err(1, "receiving");
		verdict.id = packet_number(room[last], headers[last].msg_len);
		begin(&message, NFQNL_MSG_VERDICT_BATCH, 0, queue);
		put(&message, NFQA_VERDICT_HDR, &verdict, sizeof verdict);
		if (send(fd, &message, message.netlink.nlmsg_len, 0) < 0)
			err(1, "verdict");
	}
}
