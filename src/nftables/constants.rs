//! The numbers of nf_tables that the libc crate lacks, under their names in the kernel's headers.
//!
//! libc has the messages (`NFT_MSG_*`), the flags of sets and elements and the groups; not the
//! attributes of messages. Those of one enum stand together.

#![cfg(feature = "nftables")]

// linux/netfilter/nfnetlink.h, enum nfnl_batch_attributes: the begin of a batch.
pub(super) const NFNL_BATCH_GENID: u16 = 1;

// linux/netfilter/nf_tables.h, enum nft_table_attributes and nft_table_flags.
pub(super) const NFTA_TABLE_NAME: u16 = 1;
pub(super) const NFTA_TABLE_FLAGS: u16 = 2;
pub(super) const NFTA_TABLE_USERDATA: u16 = 6;
/// The chains of the table are not called.
pub(super) const NFT_TABLE_F_DORMANT: u32 = 1;

// enum nft_chain_attributes and nft_hook_attributes.
pub(super) const NFTA_CHAIN_TABLE: u16 = 1;
pub(super) const NFTA_CHAIN_NAME: u16 = 3;
pub(super) const NFTA_CHAIN_HOOK: u16 = 4;
pub(super) const NFTA_HOOK_HOOKNUM: u16 = 1;
pub(super) const NFTA_HOOK_PRIORITY: u16 = 2;

// enum nft_rule_attributes, nft_expr_attributes, nft_lookup_attributes, nft_dynset_attributes,
// nft_objref_attributes, nft_immediate_attributes, nft_verdict_attributes,
// nft_meta_attributes and nft_cmp_attributes.
pub(super) const NFTA_RULE_TABLE: u16 = 1;
pub(super) const NFTA_RULE_CHAIN: u16 = 2;
pub(super) const NFTA_RULE_HANDLE: u16 = 3;
pub(super) const NFTA_RULE_EXPRESSIONS: u16 = 4;
pub(super) const NFTA_EXPR_NAME: u16 = 1;
pub(super) const NFTA_EXPR_DATA: u16 = 2;
pub(super) const NFTA_LOOKUP_SET: u16 = 1;
pub(super) const NFTA_DYNSET_SET_NAME: u16 = 1;
pub(super) const NFTA_OBJREF_SET_NAME: u16 = 4;
pub(super) const NFTA_IMMEDIATE_DATA: u16 = 2;
pub(super) const NFTA_VERDICT_CHAIN: u16 = 2;
pub(super) const NFTA_META_KEY: u16 = 2;
pub(super) const NFTA_CMP_DATA: u16 = 3;

// enum nft_set_attributes.
pub(super) const NFTA_SET_TABLE: u16 = 1;
pub(super) const NFTA_SET_NAME: u16 = 2;
pub(super) const NFTA_SET_FLAGS: u16 = 3;
pub(super) const NFTA_SET_KEY_TYPE: u16 = 4;
pub(super) const NFTA_SET_KEY_LEN: u16 = 5;
/// How many elements a set has, ranges counted once; newer kernels only (seen in Linux 6.18).
pub(super) const NFTA_SET_COUNT: u16 = 20;

// enum nft_set_elem_list_attributes, nft_list_attributes, nft_set_elem_attributes and
// nft_data_attributes.
pub(super) const NFTA_SET_ELEM_LIST_TABLE: u16 = 1;
pub(super) const NFTA_SET_ELEM_LIST_SET: u16 = 2;
pub(super) const NFTA_SET_ELEM_LIST_ELEMENTS: u16 = 3;
pub(super) const NFTA_LIST_ELEM: u16 = 1;
pub(super) const NFTA_SET_ELEM_KEY: u16 = 1;
pub(super) const NFTA_SET_ELEM_FLAGS: u16 = 3;
pub(super) const NFTA_DATA_VALUE: u16 = 1;
pub(super) const NFTA_DATA_VERDICT: u16 = 2;

// enum nft_object_attributes and nft_counter_attributes; a macro of the kinds of objects.
pub(super) const NFTA_OBJ_TABLE: u16 = 1;
pub(super) const NFTA_OBJ_NAME: u16 = 2;
pub(super) const NFTA_OBJ_TYPE: u16 = 3;
pub(super) const NFTA_OBJ_DATA: u16 = 4;
pub(super) const NFTA_COUNTER_BYTES: u16 = 1;
pub(super) const NFTA_COUNTER_PACKETS: u16 = 2;
pub(super) const NFT_OBJECT_COUNTER: u32 = 1;

// enum nft_gen_attributes.
pub(super) const NFTA_GEN_ID: u16 = 1;
pub(super) const NFTA_GEN_PROC_PID: u16 = 2;
pub(super) const NFTA_GEN_PROC_NAME: u16 = 3;

/// The group that is notified of each transaction (libc has it as another type).
pub(super) const NFNLGRP_NFTABLES: u32 = libc::NFNLGRP_NFTABLES as u32;

// What nft itself agrees on with libnftnl, in data that the kernel keeps for it and does not read.

/// `NFTNL_UDATA_TABLE_COMMENT` of libnftnl/udata.h: the comment, in the user data of a table, which
/// are a list of type, length and value, one byte each for the first two.
pub(super) const UDATA_TABLE_COMMENT: u8 = 0;
/// `NFTNL_UDATA_SET_KEYBYTEORDER` of libnftnl/udata.h: the byte order of a set's keys, in its user data.
pub(super) const UDATA_SET_KEYBYTEORDER: u8 = 0;
/// `NFTNL_UDATA_SET_KEY_TYPEOF` of libnftnl/udata.h: the expression whose values the keys are.
pub(super) const UDATA_SET_KEY_TYPEOF: u8 = 3;
/// `NFTNL_UDATA_SET_TYPEOF_EXPR` of libnftnl/udata.h: the kind of that expression, and
/// `NFTNL_UDATA_SET_TYPEOF_DATA`: what else it says.
pub(super) const UDATA_SET_TYPEOF_EXPR: u8 = 0;
pub(super) const UDATA_SET_TYPEOF_DATA: u8 = 1;
/// `BYTEORDER_BIG_ENDIAN` of nft's datatype.h.
pub(super) const BYTEORDER_BIG_ENDIAN: u32 = 2;
/// `EXPR_PAYLOAD` of nft's expression.h.
pub(super) const EXPR_PAYLOAD: u32 = 7;
/// `NFTNL_UDATA_SET_KEY_PAYLOAD_*` of nft's payload.c: protocol, number of the field, header, and where in
/// it the value is, in bits.
pub(super) const UDATA_PAYLOAD_DESC: u8 = 0;
pub(super) const UDATA_PAYLOAD_TYPE: u8 = 1;
pub(super) const UDATA_PAYLOAD_BASE: u8 = 2;
pub(super) const UDATA_PAYLOAD_OFFSET: u8 = 3;
pub(super) const UDATA_PAYLOAD_LEN: u8 = 4;
/// `PROTO_DESC_UNKNOWN` of nft's proto.h, the number of a field that has no name, and
/// `PROTO_BASE_NETWORK_HDR`.
pub(super) const PROTO_DESC_UNKNOWN: u32 = 0;
pub(super) const FIELD_WITHOUT_NAME: u32 = 1;
pub(super) const PROTO_BASE_NETWORK_HDR: u32 = 2;
/// `TYPE_INTEGER` of nft's datatype.h: the type of a set's key, numbers.
pub(super) const TYPE_INTEGER: u32 = 4;
/// `TYPE_IPADDR` of nft's datatype.h: the type of a set's key, IPv4 addresses.
pub(super) const TYPE_IPADDR: u32 = 7;
/// `TYPE_IP6ADDR` of nft's datatype.h: IPv6 addresses.
pub(super) const TYPE_IP6ADDR: u32 = 8;
