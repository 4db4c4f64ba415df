//! Policies written by hand, as core modules in the text format, with a hole for each thing that
//! one can do wrong.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

/// The contract.
pub const CONTRACT: &str = include_str!("../../wit/0.1.0/policy.wit");

/// Where the answers lie in memory. What they point to lies where [`Guest::module`] puts it, and
/// `more` can write over any of it.
pub mod at {
    pub const MANIFEST: u32 = 0x100;
    pub const SETUP: u32 = 0x200;
    pub const NEED: u32 = 0x300;
    pub const RULES: u32 = 0x400;
    pub const RULE: u32 = 0x500;
    /// The answer to `locate`: where its list is, and how long.
    pub const LOCATED: u32 = 0x600;
    pub const DRAFTS: u32 = 0x700;
    pub const DRAFT: u32 = 0x800;
    pub const FIELD: u32 = 0x900;
    pub const TEXTS: u32 = 0xa00;
    /// The list that `locate` answers with.
    pub const ROWS: u32 = 0x1000;
}

/// A node policy. As it stands it is harmless: it wants to see the event's text field `node`, puts
/// every user at the node of that name, where nobody stalls, and drafts nothing.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    pub memory: &'a str,
    pub describe: &'a str,
    pub configure: &'a str,
    pub rules: &'a str,
    pub locate: &'a str,
    pub after_locate: &'a str,
    pub stalled: &'a str,
    pub realloc: &'a str,
    /// Further fields of the module, after all others.
    pub more: &'a str,
}

impl Default for Guest<'_> {
    fn default() -> Self {
        Guest {
            memory: "8",
            describe: "i32.const 0x100",
            configure: "i32.const 0x200",
            rules: "i32.const 0x400",
            locate: "(i32.store (i32.const 0x604) (local.get $rows)) i32.const 0x600",
            after_locate: "",
            stalled: "i32.const 0x700",
            realloc: "
                (global.set $heap
                    (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
                global.get $heap
                (global.set $heap (i32.add (global.get $heap) (local.get $size)))",
            more: "",
        }
    }
}

impl Guest<'_> {
    /// The module's text.
    pub fn module(&self) -> String {
        let Guest { memory, describe, configure, rules, locate, after_locate, .. } = self;
        let Guest { stalled, realloc, more, .. } = self;
        format!(
            r#"(module
                (import "nudge:policy/log@0.1.0" "line" (func $log (param i32 i32 i32)))
                (memory (export "memory") {memory})
                (global $heap (mut i32) (i32.const 0x10000))
                (func $describe (export "nudge:policy/policy@0.1.0#describe") (result i32)
                    {describe})
                (func $configure (export "nudge:policy/policy@0.1.0#configure")
                    (param $settings i32) (param $length i32) (result i32)
                    {configure})
                (func $rules (export "nudge:policy/journey@0.1.0#rules") (result i32)
                    {rules})
                (func $locate (export "nudge:policy/journey@0.1.0#locate")
                    (param $rows i32) (param $at i32) (param $ats i32)
                    (param $columns i32) (param $count i32) (result i32)
                    {locate})
                (func (export "cabi_post_nudge:policy/journey@0.1.0#locate") (param i32)
                    {after_locate})
                (func $stalled (export "nudge:policy/journey@0.1.0#stalled")
                    (param $rules i32) (param $length i32) (param $rows i32) (param $at i32)
                    (param $ats i32) (param $columns i32) (param $count i32) (result i32)
                    {stalled})
                (func $realloc (export "cabi_realloc")
                    (param $old i32) (param $before i32) (param $align i32) (param $size i32)
                    (result i32)
                    {realloc})

                ;; name, version, title and schema, each as its place and its length
                (data (i32.const 0x100) (i32 0xa00 7 0xa10 5 0xa20 7 0xa30 2))
                ;; no error; one need; no counter
                (data (i32.const 0x200) (i32 0 0x300 1 0 0))
                ;; of an event, `node`, text, asked for by `locate`
                (data (i32.const 0x300) (i32 0 0xa40 4) (i8 0 1))
                ;; one rule: the node is what the first need says
                (data (i32.const 0x400) (i32 0x500 1))
                (data (i32.const 0x500) (i32 1 0))
                ;; the first rule for as many rows as there are
                (data (i32.const 0x600) (i32 0x1000 0))
                ;; no draft; but if there were one: row 0, `node`, normal, nothing pending, no data
                (data (i32.const 0x700) (i32 0x800 0))
                (data (i32.const 0x800) (i32 0 0xa40 4 1 0 0 0 0x900 0))
                (data (i32.const 0xa00) "hostile")
                (data (i32.const 0xa10) "1.0.0")
                (data (i32.const 0xa20) "Hostile")
                (data (i32.const 0xa30) "{{}}")
                (data (i32.const 0xa40) "node")
                {more})"#
        )
    }

    /// The component's bytes.
    pub fn component(&self) -> Vec<u8> {
        let (resolve, world) = resolved(CONTRACT, &world("journey"));
        let module = wat::parse_str(self.module()).unwrap_or_else(|error| panic!("{error}"));
        componentise(module, &resolve, world)
    }
}

/// Writes 32-bit numbers over what lies in memory.
pub fn words(at: u32, words: &[u32]) -> String {
    let words: Vec<String> = words.iter().map(u32::to_string).collect();
    format!("(data (i32.const {at}) (i32 {}))", words.join(" "))
}

/// A policy of that kind whose every function traps, written for another text of the contract.
pub fn trap(contract: &str, kind: &str) -> Vec<u8> {
    let (resolve, world) = resolved(contract, &world(kind));
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    componentise(dummy_module(&resolve, world, abi), &resolve, world)
}

fn world(kind: &str) -> String {
    format!(
        "package nudge:hostile;
        world hostile {{
            import nudge:policy/log@0.1.0;
            export nudge:policy/policy@0.1.0;
            export nudge:policy/{kind}@0.1.0;
        }}"
    )
}

pub fn resolved(contract: &str, world: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    resolve.push_str("policy.wit", contract).expect("a contract");
    let package = resolve.push_str("world.wit", world).expect("a world");
    let world = resolve.select_world(&[package], None).expect("one world");
    (resolve, world)
}

/// Makes a component of a core module. Nothing is validated here: that is the sandbox's business.
pub fn componentise(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Vec<u8> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)
        .expect("a world fits in a section");
    let encoder = ComponentEncoder::default().module(&module).expect("a module of that world");
    encoder.validate(false).encode().expect("a component")
}
