//! The fake disk as SQLite sees it: a VFS in memory. All `unsafe` of this crate is here.
//!
//! Each disk is a folder `/fake-disk/NUMBER` of the one VFS `sinew-sim`. A database there has one connection at a
//! time, so locks have nobody to keep out. Shared memory is real memory of that connection.

use crate::chance::Chance;
use crate::disk::{Failure, Faults, Plates, SECTOR_BYTES};
use rusqlite::ffi;
use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

/// What SQLite knows these disks as.
pub const VFS: &str = "sinew-sim";
const VFS_C: &CStr = c"sinew-sim";
const PATH_BYTES_MOST: c_int = 128;

static DISKS: Mutex<BTreeMap<u64, Arc<Mutex<Plates>>>> = Mutex::new(BTreeMap::new());
static REGISTERED: Once = Once::new();

/// A disk. Its content goes when this value does.
#[derive(Debug)]
pub struct Disk {
    number: u64,
    plates: Arc<Mutex<Plates>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change of a disk is one call, so a panic elsewhere leaves it whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// An empty disk on which nothing goes wrong.
    #[must_use]
    pub fn new() -> Self {
        REGISTERED.call_once(register);
        let plates = Arc::new(Mutex::new(Plates::default()));
        let mut disks = locked(&DISKS);
        let number = disks.last_key_value().map_or(1, |(last, _)| last + 1);
        disks.insert(number, Arc::clone(&plates));
        Self { number, plates }
    }

    /// Where a file of this disk lies.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/fake-disk/{}/{name}", self.number))
    }

    /// Changes what goes wrong from now on.
    pub fn set_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(&mut locked(&self.plates).faults);
    }

    /// Whether the power is off; only `crash` brings it back.
    #[must_use]
    pub fn is_off(&self) -> bool {
        locked(&self.plates).is_off()
    }

    /// Whether a full disk or a flush that failed since the last crash may be why a journal does not open.
    #[must_use]
    pub fn is_faulty(&self) -> bool {
        locked(&self.plates).is_faulty()
    }

    /// Fake time that flushes took since the last question.
    #[must_use]
    pub fn take_spent_ms(&self) -> u64 {
        locked(&self.plates).take_spent_ms()
    }

    /// Bytes of all files together.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        locked(&self.plates).used_bytes()
    }

    /// A file as it is seen now.
    #[must_use]
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        locked(&self.plates).content(name)
    }

    /// Makes durable which files there are, as a flush of their folder does. The store does it to the folder of a new
    /// journal: a rollback journal that SQLite has removed must not come back after a power cut.
    pub fn sync_folder(&self) {
        locked(&self.plates).sync_folder();
    }

    /// Ends the process that has files open: its connections answer errors and change nothing any more. Drop them
    /// before `crash`.
    pub fn stop(&self) {
        locked(&self.plates).stop();
    }

    /// Leaves the disk as the next process finds it. With `power`, or where the power was off already, what was not
    /// synced is kept, dropped or torn as chance has it.
    pub fn crash(&self, power: bool, chance: &mut Chance) {
        locked(&self.plates).crash(power, chance);
    }
}

impl Default for Disk {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        locked(&DISKS).remove(&self.number);
    }
}

/// A path's disk and its file's name.
fn find(path: &CStr) -> Option<(Arc<Mutex<Plates>>, String)> {
    let (number, name) = path.to_str().ok()?.strip_prefix("/fake-disk/")?.split_once('/')?;
    let plates = locked(&DISKS).get(&number.parse().ok()?).map(Arc::clone)?;
    Some((plates, name.to_owned()))
}

/// A piece of memory that SQLite shares between connections. Words, because SQLite wants it aligned.
struct Region {
    words: *mut u64,
    count: usize,
}

impl Region {
    fn new(bytes: usize) -> Self {
        let words = vec![0_u64; bytes.div_ceil(8)].into_boxed_slice();
        let count = words.len();
        Self { words: Box::into_raw(words).cast(), count }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: `words` came from a box of `count` words in `new` and is given back once, here.
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(self.words, self.count)) });
    }
}

/// What an open file is to us.
struct Handle {
    plates: Arc<Mutex<Plates>>,
    name: String,
    generation: u64,
    /// Goes away when it is closed.
    temporary: bool,
    database: bool,
    regions: Vec<Region>,
}

/// What an open file is to SQLite: its own part first, then ours.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(lock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

fn register() {
    let file_bytes = c_int::try_from(size_of::<OpenFile>()).expect("two pointers are small");
    let vfs = ffi::sqlite3_vfs {
        iVersion: 1,
        szOsFile: file_bytes,
        mxPathname: PATH_BYTES_MOST,
        pNext: std::ptr::null_mut(),
        zName: VFS_C.as_ptr(),
        pAppData: std::ptr::null_mut(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_pathname),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(current_time),
        xGetLastError: Some(get_last_error),
        xCurrentTimeInt64: None,
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    };
    // SAFETY: the value is leaked, so it lives as long as SQLite may use it, and its name is a static C string.
    let code = unsafe { ffi::sqlite3_vfs_register(Box::leak(Box::new(vfs)), 0) };
    assert_eq!(code, ffi::SQLITE_OK, "SQLite takes a new VFS");
}

fn code_of(result: Result<(), Failure>) -> c_int {
    match result {
        Ok(()) => ffi::SQLITE_OK,
        Err(Failure::Full) => ffi::SQLITE_FULL,
        Err(Failure::NotFlushed) => ffi::SQLITE_IOERR_FSYNC,
        Err(Failure::Off) => ffi::SQLITE_IOERR,
        Err(Failure::Missing) => ffi::SQLITE_CANTOPEN,
    }
}

/// What SQLite counts in signed numbers is never negative.
fn count(number: i64) -> usize {
    usize::try_from(number).expect("SQLite asks for places and lengths from 0 on")
}

/// Our part of an open file.
///
/// # Safety
/// `file` was filled by `open` and is not closed; SQLite uses one connection's files from one thread at a time.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: the caller's promise; `open` put a box's pointer there, which only `close` takes back.
    unsafe { &mut *(*file.cast::<OpenFile>()).handle }
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives `szOsFile` bytes for the file. Without methods it does not call `close` when we fail.
    unsafe { (*file).pMethods = std::ptr::null() };
    // SAFETY: SQLite's paths end with a zero; a temporary file has none and belongs to no disk of ours.
    let found = if path.is_null() { None } else { find(unsafe { CStr::from_ptr(path) }) };
    let temporary = found.is_none() || flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0;
    let (plates, name) = match found {
        Some(found) => found,
        None if path.is_null() => (Arc::default(), String::new()),
        None => return ffi::SQLITE_CANTOPEN,
    };
    let database = flags & ffi::SQLITE_OPEN_MAIN_DB != 0;
    let opened = {
        let mut plates = locked(&plates);
        let name = if name.is_empty() { plates.temporary_name() } else { name };
        let generation = plates.generation;
        if database && plates.opened_in == Some(generation) {
            return ffi::SQLITE_BUSY;
        }
        let opened = plates.open(generation, &name, flags & ffi::SQLITE_OPEN_CREATE != 0);
        if database && opened.is_ok() {
            plates.opened_in = Some(generation);
        }
        opened.map(|()| (name, generation))
    };
    let (name, generation) = match opened {
        Ok(opened) => opened,
        Err(failure) => return code_of(Err(failure)),
    };
    let made = Box::new(Handle { plates, name, generation, temporary, database, regions: Vec::new() });
    // SAFETY: `file` has room for an `OpenFile`, and SQLite may give no place for the flags.
    unsafe {
        (*file.cast::<OpenFile>()).handle = Box::into_raw(made);
        (*file).pMethods = &raw const METHODS;
        if !out_flags.is_null() {
            *out_flags = flags;
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once, and nothing uses it afterwards.
    let handle = unsafe { Box::from_raw((*file.cast::<OpenFile>()).handle) };
    let mut plates = locked(&handle.plates);
    if handle.database && plates.opened_in == Some(handle.generation) {
        plates.opened_in = None;
    }
    if handle.temporary {
        // A disk that is off keeps the file; nobody finds it again under a number of its own.
        let _ = plates.delete(handle.generation, &handle.name, true);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    bytes: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: an open file, and SQLite's buffer has as many bytes as it asks for.
    let (handle, into) =
        unsafe { (handle(file), std::slice::from_raw_parts_mut(into.cast::<u8>(), count(bytes.into()))) };
    match locked(&handle.plates).read(handle.generation, &handle.name, count(at), into) {
        Ok(read) if read == into.len() => ffi::SQLITE_OK,
        Ok(read) => {
            into[read..].fill(0);
            ffi::SQLITE_IOERR_SHORT_READ
        }
        Err(failure) => code_of(Err(failure)),
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    bytes: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: an open file, and SQLite's buffer has as many bytes as it says.
    let (handle, from) =
        unsafe { (handle(file), std::slice::from_raw_parts(from.cast::<u8>(), count(bytes.into()))) };
    code_of(locked(&handle.plates).write(handle.generation, &handle.name, count(at), from))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, bytes: ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    code_of(locked(&handle.plates).truncate(handle.generation, &handle.name, count(bytes)))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    code_of(locked(&handle.plates).sync(handle.generation, &handle.name))
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, bytes: *mut ffi::sqlite3_int64) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    let length = locked(&handle.plates).length(handle.generation, &handle.name);
    code_of(length.map(|length| {
        // SAFETY: SQLite gives a place for the answer.
        unsafe { *bytes = ffi::sqlite3_int64::try_from(length).expect("a file in memory is small") };
    }))
}

unsafe extern "C" fn lock(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved_lock(_: *mut ffi::sqlite3_file, held: *mut c_int) -> c_int {
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *held = 0 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn file_control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    c_int::try_from(SECTOR_BYTES).expect("a sector is small")
}

/// As SQLite takes it of any disk on Unix: a write changes no byte beside it.
unsafe extern "C" fn device_characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn shm_map(
    file: *mut ffi::sqlite3_file,
    number: c_int,
    bytes: c_int,
    extend: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: an open file.
    let handle = unsafe { handle(file) };
    let number = count(number.into());
    while extend != 0 && handle.regions.len() <= number {
        handle.regions.push(Region::new(count(bytes.into())));
    }
    let region = handle.regions.get(number).map_or(std::ptr::null_mut(), |region| region.words.cast());
    // SAFETY: SQLite gives a place for the answer; a region stays where it is until the file is closed.
    unsafe { *out = region };
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_lock(_: *mut ffi::sqlite3_file, _: c_int, _: c_int, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn shm_barrier(_: *mut ffi::sqlite3_file) {}

unsafe extern "C" fn shm_unmap(_: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, path: *const c_char, durably: c_int) -> c_int {
    // SAFETY: SQLite's paths end with a zero.
    let Some((plates, name)) = find(unsafe { CStr::from_ptr(path) }) else { return ffi::SQLITE_IOERR_DELETE };
    let mut plates = locked(&plates);
    let generation = plates.generation;
    match plates.delete(generation, &name, durably != 0) {
        Err(Failure::Missing) => ffi::SQLITE_IOERR_DELETE_NOENT,
        other => code_of(other),
    }
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    _: c_int,
    there: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's paths end with a zero.
    let found = find(unsafe { CStr::from_ptr(path) });
    let exists = found.is_some_and(|(plates, name)| locked(&plates).exists(&name));
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *there = c_int::from(exists) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    room: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite's paths end with a zero.
    let path = unsafe { CStr::from_ptr(path) }.to_bytes_with_nul();
    if path.len() > count(room.into()) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite gives `room` bytes, the path has no more, and the two do not overlap.
    unsafe { std::ptr::copy_nonoverlapping(path.as_ptr().cast(), out, path.len()) };
    ffi::SQLITE_OK
}

/// SQLite draws from its default VFS instead; nothing that is kept depends on it.
unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, bytes: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite gives as many bytes as it asks for.
    unsafe { std::ptr::write_bytes(out, 0, count(bytes.into())) };
    bytes
}

unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    microseconds
}

unsafe extern "C" fn current_time(_: *mut ffi::sqlite3_vfs, days: *mut f64) -> c_int {
    // The epoch of Unix as a Julian day: the journal never asks SQLite for the time.
    // SAFETY: SQLite gives a place for the answer.
    unsafe { *days = 2_440_587.5 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn get_last_error(_: *mut ffi::sqlite3_vfs, _: c_int, _: *mut c_char) -> c_int {
    0
}

#[cfg(test)]
mod tests;
