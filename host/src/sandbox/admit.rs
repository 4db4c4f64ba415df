//! The checks that need no compiler: what the bytes are, what they import and export, what they need.
//! Touches nothing but the bytes. All take time and memory in proportion to the bytes, except for
//! [`validate`].

use serde::Serialize;
use wasmparser::{
    ComponentExternalKind, Encoding, MemoryType, Parser, Payload, TableType, Validator,
    WasmFeatures,
};

use super::error::AdmitError;
use super::limits::Limits;
use crate::engine::policy::Kinds;

/// The contract's version that this host speaks.
const VERSION: &str = "0.1.0";

/// Bytes of a page of memory.
const PAGE: u64 = 64 << 10;

/// What may be used, named one by one: a proposal that becomes standard is not thereby let in.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::COMPONENT_MODEL
}

/// Whether the component is valid, and uses nothing that is switched off.
///
/// A few hundred kilobytes can be made to take gigabytes and minutes here, so this has its place where
/// the compiler has it.
pub(super) fn validate(bytes: &[u8]) -> Result<(), AdmitError> {
    let valid = Validator::new_with_features(features()).validate_all(bytes);
    valid.map(drop).map_err(|error| AdmitError::Invalid(error.to_string()))
}

/// What the bytes are made of, except for their validity, and every reason in it why they are not
/// admitted.
pub(super) fn examine(bytes: &[u8], limits: &Limits) -> (Anatomy, Vec<AdmitError>) {
    let mut anatomy = Anatomy { bytes: bytes.len(), ..Anatomy::default() };
    if let Err(error) = form(bytes, limits) {
        return (anatomy, vec![error]);
    }
    let invalid = |error: wasmparser::BinaryReaderError| AdmitError::Invalid(error.to_string());
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        let taken = payload.and_then(|payload| anatomy.take(payload, &mut depth));
        if let Err(error) = taken {
            return (anatomy, vec![invalid(error)]);
        }
    }
    let mut problems = anatomy.needs(limits);
    let foreign = anatomy.imports.iter().filter(|import| !is_given(import));
    problems.extend(foreign.map(|import| AdmitError::Import(import.clone())));
    problems.extend(anatomy.wanting().map(AdmitError::Export));
    (anatomy, problems)
}

/// Whether the bytes are a component at all, and not too many.
fn form(bytes: &[u8], limits: &Limits) -> Result<(), AdmitError> {
    if bytes.len() > limits.component_bytes {
        let most = limits.component_bytes;
        return Err(AdmitError::TooLarge { bytes: bytes.len(), most });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(AdmitError::NotAComponent(match bytes {
            [] => "an empty file",
            [0x7f, b'E', b'L', b'F', ..] => "a native program",
            _ => "not WebAssembly at all",
        }));
    }
    if Parser::is_core_wasm(bytes) {
        return Err(AdmitError::NotAComponent("a core module"));
    }
    Ok(())
}

fn is_given(import: &str) -> bool {
    ["log", "types"].iter().any(|interface| import == format!("nudge:policy/{interface}@{VERSION}"))
}

/// What a component is made of: found by reading it, without compiling or running anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Anatomy {
    /// Bytes, all in all.
    pub bytes: usize,
    /// Bytes of functions.
    pub code_bytes: usize,
    /// Bytes of data that memories begin with.
    pub data_bytes: usize,
    /// Bytes of custom sections.
    pub custom_bytes: usize,
    /// Interfaces and functions that it imports.
    pub imports: Vec<String>,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
    /// Core module instances.
    pub core_instances: usize,
    /// Its linear memories, in bytes.
    pub memories: Vec<Extent>,
    /// Its tables, in elements.
    pub tables: Vec<Extent>,
    /// The lines of its section `nudge-metadata`: name, title, version, author, licence, source.
    pub metadata: Vec<(String, String)>,
    /// Its section `nudge-settings-schema`: a JSON Schema.
    pub settings_schema: Option<String>,
}

/// How large something is to begin with, and at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// To begin with.
    pub initial: u64,
    /// At the most, if it says so itself.
    pub most: Option<u64>,
}

impl Anatomy {
    fn take(
        &mut self,
        payload: Payload<'_>,
        depth: &mut usize,
    ) -> Result<(), wasmparser::BinaryReaderError> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => *depth += 1,
            Payload::End(_) => *depth = depth.saturating_sub(1),
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {}
            Payload::ComponentImportSection(section) if *depth == 0 => {
                for import in section {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if *depth == 0 => {
                for export in section {
                    let export = export?;
                    if export.kind == ComponentExternalKind::Instance {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if matches!(instance?, wasmparser::Instance::Instantiate { .. }) {
                        self.core_instances += 1;
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    let MemoryType { initial, maximum, .. } = memory?;
                    let bytes = |pages: u64| pages.saturating_mul(PAGE);
                    self.memories
                        .push(Extent { initial: bytes(initial), most: maximum.map(bytes) });
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    let TableType { initial, maximum, .. } = table?.ty;
                    self.tables.push(Extent { initial, most: maximum });
                }
            }
            Payload::CodeSectionStart { size, .. } => self.code_bytes += size as usize,
            Payload::DataSection(section) => self.data_bytes += section.range().len(),
            Payload::CustomSection(section) => {
                self.custom_bytes += section.data().len();
                let text = || String::from_utf8_lossy(section.data()).into_owned();
                match section.name() {
                    "nudge-metadata" => self.metadata = metadata(&text()),
                    "nudge-settings-schema" => self.settings_schema = Some(text()),
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Resource requirements against the pool.
    fn needs(&self, limits: &Limits) -> Vec<AdmitError> {
        let mut problems = Vec::new();
        let mut over = |what: &str, has: u64, most: u64| {
            if has > most {
                let needs = format!("{has} {what}, and at most {most} are allowed");
                problems.push(AdmitError::Resources(needs));
            }
        };
        over("core instances", self.core_instances as u64, limits.core_instances as u64);
        over("memories", self.memories.len() as u64, limits.memories as u64);
        over("tables", self.tables.len() as u64, limits.tables as u64);
        for memory in &self.memories {
            over("bytes of memory to begin with", memory.initial, limits.memory_bytes as u64);
        }
        for table in &self.tables {
            over("table elements to begin with", table.initial, limits.table_elements as u64);
        }
        problems
    }

    fn exports(&self, interface: &str) -> bool {
        self.exports.contains(&format!("nudge:policy/{interface}@{VERSION}"))
    }

    /// The kinds that it exports.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        Kinds {
            journey: self.exports("journey"),
            audience: self.exports("audience"),
            personalise: self.exports("personalise"),
            route: self.exports("route"),
        }
    }

    /// Whether it brings tests along.
    #[must_use]
    pub fn has_tests(&self) -> bool {
        self.exports("tests")
    }

    /// What its exports lack for a policy.
    fn wanting(&self) -> Option<String> {
        if !self.exports("policy") {
            let other = self.exports.iter().find_map(|e| e.strip_prefix("nudge:policy/policy@"));
            return Some(match other {
                Some(other) => {
                    format!(
                        "is written for version {other} of the contract, and this host speaks {VERSION}"
                    )
                }
                None => {
                    format!("does not export nudge:policy/policy@{VERSION}, so it is no policy")
                }
            });
        }
        (self.kinds() == Kinds::default())
            .then(|| "exports none of the kinds: journey, audience, personalise, route".to_owned())
    }
}

/// Lines of `key: value`.
fn metadata(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (key, value) = line.split_once(':')?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    text.lines().filter_map(line).collect()
}
