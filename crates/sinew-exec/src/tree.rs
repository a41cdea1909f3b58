//! The program's file tree: a root of its own that holds the system's programs, its own folders, and nothing else.
//!
//! Every path is the same as outside, so that a program needs no translation. Only the work folder is writable.

use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, getegid, geteuid, pivot_root};

use crate::error::{Result, Step};
use crate::isolation::{identity_of, runs_as_root};
use crate::order::LeaseOrder;

/// Where programs and their libraries live, and what their loader and clock read.
pub(crate) const SYSTEM_PATHS: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/sys/devices/system/cpu",
];

/// Devices that hold no data of anybody.
pub(crate) const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Shared memory of a program without a memory limit.
const SHARED_MEMORY_BYTES: u64 = 1 << 30;

const PRIVATE_TREE: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;

/// Builds the tree at `root` and makes it the root of this process. Needs a mount namespace of its own.
pub(crate) fn enter(root: &Path, order: &LeaseOrder) -> Result<()> {
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>)
        .step(|| "make the mounts private".into())?;
    mount_new("tmpfs", root, "mode=755,size=1m")?;
    for path in SYSTEM_PATHS {
        show_system_path(root, Path::new(path))?;
    }
    for device in DEVICES {
        bind(root, Path::new(device), libc::MOUNT_ATTR_NOSUID)?;
    }
    add_own_files(root, order)?;
    for (path, attributes) in lease_paths(order) {
        bind(root, &path, attributes)?;
    }
    chdir(root).step(|| "enter the new root".into())?;
    pivot_root(".", ".").step(|| "change the root".into())?;
    umount2(".", MntFlags::MNT_DETACH).step(|| "let go of the old root".into())?;
    chdir("/").step(|| "enter the new root".into())?;
    restrict(Path::new("/"), PRIVATE_TREE | libc::MOUNT_ATTR_RDONLY, 0)
}

/// The order's own paths, outer ones first, each also by its real name where it is given through a link.
fn lease_paths(order: &LeaseOrder) -> Vec<(PathBuf, u64)> {
    let shared = order.shared_paths().map(|path| (path, PRIVATE_TREE | libc::MOUNT_ATTR_RDONLY));
    let mut paths = Vec::new();
    for (path, attributes) in shared.chain([(&order.work_dir, PRIVATE_TREE)]) {
        paths.push((path.clone(), attributes));
        paths.extend(path.canonicalize().map(|real| (real, attributes)));
    }
    paths.retain(|(path, _)| !is_system_path(path));
    paths.sort();
    paths.dedup();
    paths
}

fn is_system_path(path: &Path) -> bool {
    SYSTEM_PATHS.iter().any(|system| path.starts_with(system) && Path::new(system).is_dir())
}

/// Systems with one `/usr` have links in place of `/bin` and `/lib`; programs expect to find them.
fn show_system_path(root: &Path, path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() && path.parent() == Some(Path::new("/")) => {
            let target = fs::read_link(path).step(|| format!("read the link {}", path.display()))?;
            symlink(target, below(root, path)).step(|| format!("show the link {}", path.display()))
        }
        Ok(_) => bind(root, path, PRIVATE_TREE | libc::MOUNT_ATTR_RDONLY),
        Err(_) => Ok(()),
    }
}

/// What a program expects to find that says nothing about this machine.
fn add_own_files(root: &Path, order: &LeaseOrder) -> Result<()> {
    let (user, group) = if runs_as_root() {
        let user = identity_of(&order.work_dir);
        (user, user)
    } else {
        (geteuid().as_raw(), getegid().as_raw())
    };
    let home = order.work_dir.display();
    let files = [
        ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n".to_owned()),
        ("etc/passwd", format!("lease:x:{user}:{group}::{home}:/bin/sh\n")),
        ("etc/group", format!("lease:x:{group}:\n")),
    ];
    fs::create_dir_all(root.join("etc")).step(|| "create /etc".into())?;
    for (name, text) in files {
        fs::write(root.join(name), text).step(|| format!("write /{name}"))?;
    }
    for (name, target) in [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]
    {
        symlink(target, root.join("dev").join(name)).step(|| format!("create /dev/{name}"))?;
    }
    let shared_bytes = order.limits.memory_bytes.unwrap_or(SHARED_MEMORY_BYTES);
    mount_new("tmpfs", &root.join("dev/shm"), &format!("mode=1777,size={shared_bytes}"))?;
    mount_new("proc", &root.join("proc"), "")
}

fn mount_new(kind: &str, at: &Path, options: &str) -> Result<()> {
    let at_text = || format!("mount {kind} at {}", at.display());
    fs::create_dir_all(at).step(at_text)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let options = (!options.is_empty()).then_some(options);
    mount(Some(kind), at, Some(kind), flags, options).step(at_text)
}

/// Shows a file or folder at its own path below the new root.
fn bind(root: &Path, path: &Path, attributes: u64) -> Result<()> {
    let target = below(root, path);
    let show = || format!("show {} to the program", path.display());
    if fs::metadata(path).step(show)?.is_dir() {
        fs::create_dir_all(&target).step(show)?;
    } else {
        fs::create_dir_all(target.parent().expect("a file lies in a folder")).step(show)?;
        if !target.exists() {
            fs::write(&target, "").step(show)?;
        }
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(path), &target, None::<&str>, flags, None::<&str>).step(show)?;
    restrict(&target, attributes, libc::AT_RECURSIVE)
}

fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").expect("paths were checked to be absolute"))
}

/// Adds restrictions to a mount. It only adds: what the mount already forbids stays forbidden.
fn restrict(path: &Path, attributes: u64, flags: i32) -> Result<()> {
    let name = CString::new(path.as_os_str().as_bytes()).step(|| format!("name {}", path.display()))?;
    let change = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    // SAFETY: the path ends in a zero byte and `change` is valid for the size that is passed with it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            name.as_ptr(),
            flags,
            &raw const change,
            size_of::<libc::mount_attr>(),
        )
    };
    Errno::result(done).map(drop).step(|| format!("restrict the mount {}", path.display()))
}
