//! The checks that need no compiler: what the bytes are, what they import and export, what they need.
//! Touches nothing but the bytes. All take time and memory in proportion to the bytes, except for
//! [`validate`].

use wasmparser::{
    ComponentExternalKind, Encoding, MemoryType, Parser, Payload, TableType, Validator,
    WasmFeatures,
};

use super::error::AdmitError;
use super::limits::Limits;
use crate::engine::policy::Kinds;

/// The contract's version that this host speaks.
const VERSION: &str = "0.1.0";

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

/// Checks the bytes, except for their validity, and answers which kinds of policy they are.
pub(super) fn examine(bytes: &[u8], limits: &Limits) -> Result<Kinds, AdmitError> {
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
    let invalid = |error: wasmparser::BinaryReaderError| AdmitError::Invalid(error.to_string());
    let mut found = Found::default();
    for payload in Parser::new(0).parse_all(bytes) {
        found.take(payload.map_err(invalid)?).map_err(invalid)?;
    }
    found.needs(limits)?;
    if let Some(import) = found.imports.iter().find(|import| !is_given(import)) {
        return Err(AdmitError::Import(import.clone()));
    }
    found.kinds()
}

fn is_given(import: &str) -> bool {
    ["log", "types"].iter().any(|interface| import == format!("nudge:policy/{interface}@{VERSION}"))
}

/// What a component is made of.
#[derive(Default)]
struct Found {
    /// How deep in nested modules and components the parser is.
    depth: usize,
    imports: Vec<String>,
    exports: Vec<String>,
    instances: usize,
    memories: Vec<MemoryType>,
    tables: Vec<TableType>,
}

impl Found {
    fn take(&mut self, payload: Payload<'_>) -> Result<(), wasmparser::BinaryReaderError> {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => self.depth += 1,
            Payload::End(_) => self.depth = self.depth.saturating_sub(1),
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => {}
            Payload::ComponentImportSection(section) if self.depth == 0 => {
                for import in section {
                    self.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if self.depth == 0 => {
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
                        self.instances += 1;
                    }
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Resource requirements against the pool.
    fn needs(&self, limits: &Limits) -> Result<(), AdmitError> {
        let over = |what: &str, has: u64, most: u64| {
            if has <= most {
                return Ok(());
            }
            Err(AdmitError::Resources(format!("{has} {what}, and at most {most} are allowed")))
        };
        over("core instances", self.instances as u64, limits.core_instances as u64)?;
        over("memories", self.memories.len() as u64, limits.memories as u64)?;
        over("tables", self.tables.len() as u64, limits.tables as u64)?;
        for memory in &self.memories {
            let bytes = memory.initial.saturating_mul(64 << 10);
            over("bytes of memory to begin with", bytes, limits.memory_bytes as u64)?;
        }
        for table in &self.tables {
            over("table elements to begin with", table.initial, limits.table_elements as u64)?;
        }
        Ok(())
    }

    fn kinds(&self) -> Result<Kinds, AdmitError> {
        let exports =
            |interface: &str| self.exports.contains(&format!("nudge:policy/{interface}@{VERSION}"));
        if !exports("policy") {
            let other = self.exports.iter().find_map(|e| e.strip_prefix("nudge:policy/policy@"));
            return Err(AdmitError::Export(match other {
                Some(other) => {
                    format!(
                        "is written for version {other} of the contract, and this host speaks {VERSION}"
                    )
                }
                None => {
                    format!("does not export nudge:policy/policy@{VERSION}, so it is no policy")
                }
            }));
        }
        let kinds = Kinds {
            journey: exports("journey"),
            audience: exports("audience"),
            personalise: exports("personalise"),
            route: exports("route"),
        };
        if kinds == Kinds::default() {
            return Err(AdmitError::Export(
                "exports none of the kinds: journey, audience, personalise, route".to_owned(),
            ));
        }
        Ok(kinds)
    }
}
