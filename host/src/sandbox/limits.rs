//! Every limit of the sandbox, each with its reason, and the two things that enforce them: the engine's
//! configuration and the one constructor of stores.

use std::time::Duration;

use wasmtime::{
    Config, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, ResourceLimiter, Store,
};

use super::bindings::nudge::policy::{log, types};

/// What a policy may cost.
///
/// The limits of an evaluation are for the whole batch, whatever its size. The engine halves a batch
/// that fails, so a row gets an answer exactly if it gets one alone, and no answer depends on how
/// batches were cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a component. The standard policies have 230 to 560 KB; compiled code is about three
    /// times as large and stays in memory.
    pub component_bytes: usize,
    /// Bytes of settings, which every fresh instance reads.
    pub settings_bytes: usize,
    /// Fuel for `describe`, and again for `configure` with `rules` or `groups`. A dwell policy with 20
    /// nodes takes about 200,000 to configure.
    pub configure_fuel: u64,
    /// Fuel for one question. A dwell decision takes about 1,000 a row, and a batch of 1,024 leaves 9,700
    /// for each; an endless loop ends after about 1 ms. No more for more rows: a row would get in company
    /// what it does not get alone.
    pub fuel: u64,
    /// Wall-clock time for one instance, for what fuel does not see. Far above what the fuel takes, so
    /// that it never decides about an honest policy.
    pub deadline: Duration,
    /// Bytes of linear memory. A batch of 1,024 rows with long texts needs some MiB.
    pub memory_bytes: usize,
    /// Elements of one table: functions that are called indirectly, a few hundred in Rust.
    pub table_elements: usize,
    /// Core module instances in a component: the policy and the adapters that wit-component adds.
    pub core_instances: usize,
    /// Linear memories in a component.
    pub memories: usize,
    /// Tables in a component.
    pub tables: usize,
    /// Bytes of the guest's stack; the threads that evaluate have 2 MiB.
    pub stack_bytes: usize,
    /// Bytes that the host copies out of the guest in one call, answers included.
    pub answer_bytes: usize,
    /// Log lines that are kept.
    pub log_lines: usize,
    /// Bytes of a log line that are kept.
    pub log_line_bytes: usize,
    /// Bytes of log lines, kept or not, after which the policy is stopped.
    pub log_bytes: usize,
    /// Instances alive at once: one for each evaluating thread and some in reserve. Each reserves
    /// 4 GiB of address space, which costs nothing until it is touched.
    pub instances: u32,
    /// Memory that compiling one component may take, where it is compiled in a child process.
    pub compile_memory_bytes: u64,
    /// Time that compiling one component may take, where it is compiled in a child process.
    pub compile_time: Duration,
    /// How nice that process is to others, from 0 to 19. In a service whoever is waiting for an answer
    /// to an event comes before whoever waits for a compiler.
    pub compile_niceness: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            component_bytes: 4 << 20,
            settings_bytes: 256 << 10,
            configure_fuel: 50_000_000,
            fuel: 10_000_000,
            deadline: Duration::from_secs(2),
            memory_bytes: 64 << 20,
            table_elements: 20_000,
            core_instances: 8,
            memories: 1,
            tables: 4,
            stack_bytes: 512 << 10,
            answer_bytes: 4 << 20,
            log_lines: 64,
            log_line_bytes: 1 << 10,
            log_bytes: 1 << 20,
            instances: 64,
            compile_memory_bytes: 2 << 30,
            compile_time: Duration::from_secs(60),
            compile_niceness: 0,
        }
    }
}

/// How often the wall clock is looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The configuration that code is compiled for. The same in every process of one build, so that a
/// child may compile for its parent; only where instances live is the parent's own.
pub(super) fn config(limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        // Deterministic metering, and a wall clock behind it.
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack_bytes)
        // The one thing in which floating point may differ between machines.
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        // 375 ns a call, for asynchrony that there is none of.
        .concurrency_support(false)
        // What a policy does not need, nobody has to trust.
        .wasm_tail_call(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_simd(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false);
    config
}

/// As [`config`], with instances in a pool: a fresh one costs microseconds, and there are never more
/// than the limit.
pub(super) fn pooled(limits: &Limits) -> Config {
    let instances = limits.instances;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(limits.core_instances as u32))
        .total_memories(instances.saturating_mul(limits.memories as u32))
        .total_tables(instances.saturating_mul(limits.tables as u32))
        .max_core_instances_per_component(limits.core_instances as u32)
        .max_memories_per_component(limits.memories as u32)
        .max_tables_per_component(limits.tables as u32)
        .max_tables_per_module(limits.tables as u32)
        .max_memories_per_module(limits.memories as u32)
        .table_elements(limits.table_elements)
        // Slots of 4 GiB need no bounds checks; the store's limiter bounds the growth.
        .max_memory_size(4 << 30)
        // Cleared by hand rather than by the kernel, which is quicker up to about here.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10);
    let mut config = config(limits);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// What a store holds: the limits and what was done with them.
pub(super) struct Guest {
    limits: Limits,
    logged: usize,
    /// The most memory it had, in bytes.
    pub(super) memory: usize,
    /// The log lines that were kept, with their level.
    pub(super) lines: Vec<(log::Level, String)>,
    /// The limit that was exceeded, if one was.
    pub(super) exceeded: Option<Exceeded>,
}

/// A limit of memory or tables that was exceeded.
#[derive(Clone, Debug)]
pub(super) enum Exceeded {
    Memory(String),
    Log(String),
}

/// The one way to make a store: with every limit in place.
pub(super) fn store(
    engine: &wasmtime::Engine,
    limits: &Limits,
) -> Result<Store<Guest>, wasmtime::Error> {
    let guest =
        Guest { limits: limits.clone(), logged: 0, memory: 0, lines: Vec::new(), exceeded: None };
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| guest);
    store.set_hostcall_fuel(limits.answer_bytes);
    store.set_fuel(limits.configure_fuel)?;
    let ticks = limits.deadline.as_millis().div_ceil(TICK.as_millis());
    store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX).max(1));
    store.epoch_deadline_trap();
    Ok(store)
}

impl ResourceLimiter for Guest {
    fn memory_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.limits.memory_bytes {
            let exceeded = format!("{} MiB of memory", self.limits.memory_bytes >> 20);
            self.exceeded = Some(Exceeded::Memory(exceeded));
            return Err(wasmtime::Error::msg("memory limit"));
        }
        self.memory = self.memory.max(desired);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.limits.table_elements {
            let exceeded = format!("{} elements of a table", self.limits.table_elements);
            self.exceeded = Some(Exceeded::Memory(exceeded));
            return Err(wasmtime::Error::msg("table limit"));
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.limits.core_instances
    }

    fn tables(&self) -> usize {
        self.limits.tables
    }

    fn memories(&self) -> usize {
        self.limits.memories
    }
}

impl types::Host for Guest {}

impl log::Host for Guest {
    fn line(&mut self, level: log::Level, mut text: String) -> wasmtime::Result<()> {
        self.logged = self.logged.saturating_add(text.len()).saturating_add(16);
        if self.logged > self.limits.log_bytes {
            let exceeded = format!("{} KiB of log lines", self.limits.log_bytes >> 10);
            self.exceeded = Some(Exceeded::Log(exceeded));
            return Err(wasmtime::Error::msg("log limit"));
        }
        if self.lines.len() >= self.limits.log_lines {
            // The last word of a policy is worth more than its sixty-fourth.
            if level != log::Level::Error {
                return Ok(());
            }
            self.lines.pop();
        }
        let mut end = text.len().min(self.limits.log_line_bytes);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        self.lines.push((level, text));
        Ok(())
    }
}
