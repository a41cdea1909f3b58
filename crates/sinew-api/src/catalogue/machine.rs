//! What a machine enforces, in words.

use super::Lang;
use crate::machine::{Protection, SupportWord};

/// What a protection is called.
#[must_use]
pub(crate) fn protection_name(lang: Lang, protection: Protection) -> String {
    match protection {
        Protection::Identity => lang.pick("own user", "utilisateur à part"),
        Protection::Files => lang.pick("own files", "fichiers à part"),
        Protection::FileRules => lang.pick("file rules", "règles sur les fichiers"),
        Protection::Processes => lang.pick("own processes", "processus à part"),
        Protection::Network => lang.pick("own network", "réseau à part"),
        Protection::SharedMemory => lang.pick("own shared memory", "mémoire partagée à part"),
        Protection::SystemCalls => lang.pick("system calls", "appels système"),
        Protection::Cores => lang.pick("cores", "cœurs"),
        Protection::Memory => lang.pick("memory limit", "limite de mémoire"),
        Protection::ProcessCount => lang.pick("process limit", "limite de processus"),
        Protection::Disk => lang.pick("disk limit", "limite de disque"),
    }
}

/// What it means for workloads that a protection holds, holds less, or does not.
#[must_use]
pub(crate) fn protection_text(lang: Lang, protection: Protection, support: SupportWord) -> String {
    match support {
        SupportWord::Enforced => held(lang, protection),
        SupportWord::Weaker => weaker(lang, protection),
        SupportWord::Unavailable => open(lang, protection),
    }
}

fn held(lang: Lang, protection: Protection) -> String {
    match protection {
        Protection::Identity => lang.pick(
            "a program never runs as the server's user",
            "un programme ne tourne jamais sous l'utilisateur du serveur",
        ),
        Protection::Files => lang.pick(
            "a program sees only the files of its order and the system's programs",
            "un programme ne voit que les fichiers de son ordre et les programmes du système",
        ),
        Protection::FileRules => lang.pick(
            "the kernel refuses every other file, whatever is mounted",
            "le noyau refuse tout autre fichier, quoi qu'il soit monté",
        ),
        Protection::Processes => lang.pick(
            "a program sees and signals only its own processes, and they all end with it",
            "un programme ne voit et n'atteint que ses propres processus, qui finissent tous avec lui",
        ),
        Protection::Network => lang.pick(
            "a program has no network but a loopback of its own",
            "un programme n'a pas de réseau, hors une boucle locale à lui",
        ),
        Protection::SharedMemory => lang.pick(
            "shared memory and queues are a program's own",
            "la mémoire partagée et les files sont propres au programme",
        ),
        Protection::SystemCalls => lang.pick(
            "system calls that no program needs are refused",
            "les appels système dont aucun programme n'a besoin sont refusés",
        ),
        Protection::Cores => lang.pick(
            "a program stays on the cores of its lease",
            "un programme reste sur les cœurs de son bail",
        ),
        Protection::Memory => lang.pick(
            "all processes of a program together keep to its memory",
            "tous les processus d'un programme ensemble tiennent dans sa mémoire",
        ),
        Protection::ProcessCount => lang.pick(
            "a program cannot start more processes than its order allows",
            "un programme ne peut lancer plus de processus que son ordre n'en permet",
        ),
        Protection::Disk => lang.pick(
            "a work folder cannot grow beyond its limit",
            "un dossier de travail ne peut dépasser sa limite",
        ),
    }
}

fn weaker(lang: Lang, protection: Protection) -> String {
    match protection {
        Protection::Identity => lang.pick(
            "programs run as the server's own user, without any privilege; start the server as root for users of their own",
            "les programmes tournent sous l'utilisateur du serveur, sans aucun privilège ; démarrez le serveur en root pour des utilisateurs à part",
        ),
        Protection::Cores => lang.pick(
            "programs are bound to their cores once and may not change that; there is no cpuset that could move them",
            "les programmes sont liés une fois à leurs cœurs et ne peuvent y toucher ; aucun cpuset ne peut les déplacer",
        ),
        Protection::Memory => lang.pick(
            "each process's own memory is limited; the sum of several, and what they share, is not",
            "la mémoire propre de chaque processus est limitée ; la somme de plusieurs, et ce qu'ils partagent, ne l'est pas",
        ),
        Protection::Disk => lang.pick(
            "each file is limited, and their sum is not, so many files can fill the disk; keep the data folder on a disk or a quota of its own",
            "chaque fichier est limité, mais pas leur somme : à plusieurs, ils peuvent remplir le disque ; donnez au dossier de données un disque ou un quota à lui",
        ),
        other => {
            let name = protection_name(lang, other);
            lang.pick(format!("{name}: held by a weaker means"), format!("{name} : tenu par un moyen plus faible"))
        }
    }
}

fn open(lang: Lang, protection: Protection) -> String {
    match protection {
        Protection::Identity => lang.pick(
            "programs run as the server's own user; allow user namespaces or start the server as root",
            "les programmes tournent sous l'utilisateur du serveur ; permettez les espaces de noms d'utilisateurs ou démarrez le serveur en root",
        ),
        Protection::Files => lang.pick(
            "the names of other files can be seen; only the file rules keep a program from reading them",
            "les noms d'autres fichiers sont visibles ; seules les règles sur les fichiers empêchent de les lire",
        ),
        Protection::FileRules => lang.pick(
            "only mounts keep files apart; use a kernel with Landlock for a second wall",
            "seuls les montages séparent les fichiers ; un noyau avec Landlock ajoute un second mur",
        ),
        Protection::Processes => lang.pick(
            "other processes can be seen, and a program's own are found one by one when it ends",
            "les autres processus sont visibles, et ceux d'un programme sont retrouvés un à un à sa fin",
        ),
        Protection::Network => lang.pick(
            "a program that asks for a loopback is refused; all others have no network, by system call rules",
            "un programme qui demande une boucle locale est refusé ; les autres n'ont pas de réseau, par règles d'appels système",
        ),
        Protection::SharedMemory => lang.pick(
            "only file rules and system call rules keep shared memory apart",
            "seules les règles sur les fichiers et les appels système séparent la mémoire partagée",
        ),
        Protection::SystemCalls => lang.pick(
            "no program is started here; use a kernel with seccomp filters",
            "aucun programme n'est lancé ici ; prenez un noyau avec filtres seccomp",
        ),
        Protection::Cores => lang.pick(
            "no program is started here; let the server's user set the cores of its processes",
            "aucun programme n'est lancé ici ; laissez l'utilisateur du serveur choisir les cœurs de ses processus",
        ),
        Protection::Memory => lang.pick(
            "a program can take all memory of the machine",
            "un programme peut prendre toute la mémoire de la machine",
        ),
        Protection::ProcessCount => lang.pick(
            "a program can start as many processes as the machine allows",
            "un programme peut lancer autant de processus que la machine en permet",
        ),
        Protection::Disk => lang.pick(
            "a program can fill the disk of the data folder; keep that folder on a disk or a quota of its own",
            "un programme peut remplir le disque du dossier de données ; donnez à ce dossier un disque ou un quota à lui",
        ),
    }
}
