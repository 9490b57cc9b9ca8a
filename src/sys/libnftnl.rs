//! What libnftnl's wrapper has no way to say.

#![allow(unsafe_code)]

use std::ffi::CStr;
use std::ptr::NonNull;

use nftnl::expr::Expression;
use nftnl::nftnl_sys;
use nftnl::{MsgType, NlMsg, Rule};

/// Appends the netlink message of a libnftnl object to `bytes`.
pub fn append_message(message: &impl NlMsg, kind: MsgType, sequence: u32, bytes: &mut Vec<u8>) {
    // In u64s, since the message begins with a header that wants to be aligned.
    let mut scratch = vec![0u64; (nftnl::nft_nlmsg_maxsize() as usize).div_ceil(8)];
    // SAFETY: `scratch` has the room for the largest message that the trait asks for.
    unsafe { message.write(scratch.as_mut_ptr().cast(), sequence, kind) };
    // SAFETY: all of `scratch` is initialised, and u64 may be read as bytes.
    let written = unsafe {
        std::slice::from_raw_parts(scratch.as_ptr().cast::<u8>(), size_of_val(&scratch[..]))
    };
    // The first field of every netlink message is its length.
    let length = u32::from_ne_bytes([written[0], written[1], written[2], written[3]]) as usize;
    bytes.extend_from_slice(&written[..length.min(written.len())]);
}

/// Sets the flags (`NFT_SET_*`) of a set that is to be created; its wrapper has no way to.
pub fn set_flags<K>(set: &nftnl::set::Set<'_, K>, flags: u32) {
    // SAFETY: the pointer is the set's own and valid while it is borrowed; the attribute is a u32.
    unsafe {
        nftnl_sys::nftnl_set_set_u32(
            set.as_ptr().as_ptr(),
            nftnl_sys::NFTNL_SET_FLAGS as u16,
            flags,
        );
    }
}

/// Sets what the keys of a set that is to be created are: a type that nft knows them by, their bytes, and
/// the user data by which it shows them.
pub fn set_keys<K>(set: &nftnl::set::Set<'_, K>, kind: u32, bytes: u32, userdata: &[u8]) {
    // SAFETY: the pointer is the set's own and valid while it is borrowed; both attributes are u32.
    unsafe {
        let set = set.as_ptr().as_ptr();
        nftnl_sys::nftnl_set_set_u32(set, nftnl_sys::NFTNL_SET_KEY_TYPE as u16, kind);
        nftnl_sys::nftnl_set_set_u32(set, nftnl_sys::NFTNL_SET_KEY_LEN as u16, bytes);
    }
    // SAFETY: as above; libnftnl copies the bytes. Out of memory it does not, and nft shows the keys as
    // numbers.
    unsafe {
        nftnl_sys::nftnl_set_set_data(
            set.as_ptr().as_ptr(),
            nftnl_sys::NFTNL_SET_USERDATA as u16,
            userdata.as_ptr().cast(),
            userdata.len() as u32,
        );
    }
}

/// Sets how many elements a set that is to be created has room for; its wrapper has no way to.
pub fn set_size<K>(set: &nftnl::set::Set<'_, K>, elements: u32) {
    // SAFETY: the pointer is the set's own and valid while it is borrowed; the attribute is a u32.
    unsafe {
        nftnl_sys::nftnl_set_set_u32(
            set.as_ptr().as_ptr(),
            nftnl_sys::NFTNL_SET_DESC_SIZE as u16,
            elements,
        );
    }
}

/// The expression that refers to a named object of the table, such as `counter name "..."`.
pub struct ObjectReference<'a> {
    /// The kind of the object (`NFT_OBJECT_*`).
    pub kind: u32,
    /// Its name.
    pub name: &'a CStr,
}

impl Expression for ObjectReference<'_> {
    fn to_expr(&self, _rule: &Rule) -> NonNull<nftnl_sys::nftnl_expr> {
        // SAFETY: the name is a C string; libnftnl copies it to look it up.
        let expression = unsafe { nftnl_sys::nftnl_expr_alloc(c"objref".as_ptr()) };
        let Some(expression) = NonNull::new(expression) else {
            // Out of memory for a few bytes: nothing better can be done than what the standard
            // library does.
            std::process::abort();
        };
        // SAFETY: the expression was just allocated and is ours; libnftnl copies the name.
        unsafe {
            nftnl_sys::nftnl_expr_set_u32(
                expression.as_ptr(),
                nftnl_sys::NFTNL_EXPR_OBJREF_IMM_TYPE as u16,
                self.kind,
            );
            nftnl_sys::nftnl_expr_set_str(
                expression.as_ptr(),
                nftnl_sys::NFTNL_EXPR_OBJREF_IMM_NAME as u16,
                self.name.as_ptr(),
            );
        }
        expression
    }
}
