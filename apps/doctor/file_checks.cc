// Volumes, folders, files with secrets, certificates.
#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>

#include "admin/http_config.h"
#include "config/file_source.h"
#include "doctor/checks.h"

namespace vmq::doctor {
namespace {

constexpr std::uint64_t kMegabyte = std::uint64_t{1024} * 1024;
constexpr std::uint64_t kTooLittle = 100 * kMegabyte;
constexpr std::uint64_t kLittle = 1024 * kMegabyte;
constexpr std::uint64_t kPercentLittle = 5;

constexpr mode_t kOthersRead = 0004;
constexpr mode_t kOthersWrite = 0002;

struct Unsuitable {
    std::string_view type;
    std::string_view why;
};
constexpr std::array<Unsuitable, 13> kUnsuitable{{
    {"tmpfs", "It is memory: everything stored is lost when the machine restarts."},
    {"ramfs", "It is memory: everything stored is lost when the machine restarts."},
    {"overlay",
     "It is the layer of a container: everything stored is lost with it, and it is slow."},
    {"nfs", "The store relies on locks and fsync, which a network file system may not keep."},
    {"cifs", "The store relies on locks and fsync, which a network file system may not keep."},
    {"smb", "The store relies on locks and fsync, which a network file system may not keep."},
    {"smb2", "The store relies on locks and fsync, which a network file system may not keep."},
    {"9p", "The store relies on locks and fsync, which a shared folder may not keep."},
    {"fuse", "Whether locks and fsync do what the store relies on depends on its program."},
    {"vfat", "It has neither owners nor a log: a power failure may damage it."},
    {"exfat", "It has neither owners nor a log: a power failure may damage it."},
    {"squashfs", "It cannot be written."},
    {"ramdisk", "It is memory."},
}};

std::string log_folder(const Subject& subject) {
    return config::directory_of(subject.config.log().console_file);
}

void check_volume(const Subject& subject, const std::string& path, std::string_view use,
                  bool is_store, Findings& findings) {
    const auto volume = subject.system.volume(path);
    if (!volume) {
        findings.push_back({Severity::Note, "disk",
                            fmt::format("the volume of {} could not be looked at", path), "",
                            "run it as root or as the broker's user"});
        return;
    }
    const std::size_t before = findings.size();
    if (volume->read_only) {
        findings.push_back({Severity::Problem, "disk", fmt::format("{} is mounted read-only", path),
                            fmt::format("The {} cannot be written.", use),
                            fmt::format("mount -o remount,rw $(findmnt -no TARGET -T {})", path)});
    }
    for (const Unsuitable& each : kUnsuitable) {
        if (!is_store || volume->type != each.type) continue;
        findings.push_back({Severity::Warning, "disk",
                            fmt::format("the store {} is on {}", path, volume->type),
                            std::string(each.why),
                            "vmq_generic_msg_store.store_dir on a local disk (in a container: a "
                            "volume)"});
    }
    const std::uint64_t percent =
        volume->total_bytes == 0 ? 100 : volume->free_bytes * 100 / volume->total_bytes;
    if (volume->free_bytes < kTooLittle ||
        (volume->free_bytes < kLittle && percent < kPercentLittle)) {
        const bool much = volume->free_bytes < kTooLittle;
        findings.push_back({much && is_store ? Severity::Problem : Severity::Warning, "disk",
                            fmt::format("{} is free where the {} is ({})",
                                        bytes_text(volume->free_bytes), use, path),
                            is_store ? "On a full disk messages of QoS 1 and 2 are refused."
                                     : "On a full disk lines are lost.",
                            "make room, or move it to a larger disk"});
    }
    if (volume->total_files > 0 &&
        volume->free_files * 100 / volume->total_files < kPercentLittle) {
        findings.push_back({Severity::Warning, "disk",
                            fmt::format("{} files can still be made where the {} is ({})",
                                        volume->free_files, use, path),
                            "Without a new file nothing can be written, whatever room there is.",
                            fmt::format("df -i {}", path)});
    }
    if (findings.size() == before) {
        findings.push_back(
            {Severity::Ok, "disk",
             fmt::format("{}: {} free on {}", path, bytes_text(volume->free_bytes), volume->type),
             "", ""});
    }
}

void check_folder(const Subject& subject, const std::string& path, std::string_view use,
                  Findings& findings) {
    const System& system = subject.system;
    const auto facts = system.file(path);
    if (!facts) return;  // made at start; whether that works is told by the folder above
    if (!S_ISDIR(facts->mode)) {
        findings.push_back({Severity::Problem, "folders", fmt::format("{} is no folder", path),
                            fmt::format("The broker keeps its {} there.", use),
                            fmt::format("mv {0} {0}.old", path)});
        return;
    }
    // With the sticky bit they may add files, and not touch those of others.
    if ((facts->mode & kOthersWrite) != 0 && (facts->mode & S_ISVTX) == 0) {
        findings.push_back({Severity::Problem, "folders",
                            fmt::format("everybody on this machine may write into {}", path),
                            fmt::format("Others can replace or delete the broker's {}.", use),
                            fmt::format("chmod o-w {}", path)});
    }
    const uid_t user = system.user();
    if (user != 0 && facts->owner == user && !facts->writable) {
        findings.push_back({Severity::Problem, "folders", fmt::format("{} cannot be written", path),
                            fmt::format("The broker keeps its {} there.", use),
                            fmt::format("chmod u+rwx {}", path)});
    } else if (user != 0 && facts->owner != user && !facts->writable) {
        findings.push_back(
            {Severity::Note, "folders",
             fmt::format("{} belongs to {} and could not be checked further", path,
                         system.user_name(facts->owner)),
             "", fmt::format("sudo -u {} vernemq doctor", system.user_name(facts->owner))});
        return;
    }
    for (const std::string& name : system.list(path)) {
        const auto inner = system.file(fmt::format("{}/{}", path, name));
        if (!inner || inner->owner == facts->owner) continue;
        findings.push_back(
            {Severity::Warning, "folders",
             fmt::format("{}/{} belongs to {}, its folder to {}", path, name,
                         system.user_name(inner->owner), system.user_name(facts->owner)),
             "A broker that ran as another user has left it; the right one may not be able to "
             "write it.",
             fmt::format("chown -R {} {}", system.user_name(facts->owner), path)});
        break;
    }
}

bool is_older(std::string_view name, std::string_view of) {
    if (!name.starts_with(of)) return false;
    name.remove_prefix(of.size());
    if (name.ends_with(".gz")) name.remove_suffix(3);
    return name.size() > 1 && name[0] == '.' &&
           name.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

/// The files of the log that are there, older ones too. Their folder is not looked at: it may be
/// everybody's, such as /var/log or /tmp.
std::vector<std::string> log_files(const Subject& subject) {
    const auto& log = subject.config.log();
    std::vector<std::string> paths;
    if (log.console == config::LogDestination::File ||
        log.console == config::LogDestination::Both) {
        paths.push_back(log.console_file);
    }
    if (log.error) paths.push_back(log.error_file);
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        if (subject.system.file(path)) files.push_back(path);
        const std::string folder = config::directory_of(path);
        const std::string_view base = std::string_view(path).substr(path.rfind('/') + 1);
        for (const std::string& name : subject.system.list(folder)) {
            if (is_older(name, base)) files.push_back(config::path_from(folder, name));
        }
    }
    return files;
}

void check_log_file(const Subject& subject, const std::string& path, Findings& findings) {
    const System& system = subject.system;
    const auto facts = system.file(path);
    if (!facts) return;
    if (S_ISDIR(facts->mode)) {
        findings.push_back({Severity::Problem, "folders", fmt::format("{} is a folder", path),
                            "The broker writes its log to a file of that name.",
                            fmt::format("mv {0} {0}.old", path)});
    }
    if (!S_ISREG(facts->mode)) return;  // /dev/null is everybody's
    if ((facts->mode & kOthersWrite) != 0) {
        findings.push_back({Severity::Problem, "folders",
                            fmt::format("everybody on this machine may write {}", path),
                            "Others can add lines to the log and take them away.",
                            fmt::format("chmod o-w {}", path)});
    }
    const uid_t user = system.user();
    if (user != 0 && !facts->writable) {
        const std::string owner = system.user_name(facts->owner);
        if (facts->owner == user) {
            findings.push_back(
                {Severity::Problem, "folders", fmt::format("{} cannot be written", path),
                 "The broker writes its log there.", fmt::format("chmod u+rw {}", path)});
        } else {
            findings.push_back(
                {Severity::Note, "folders",
                 fmt::format("{} belongs to {} and could not be checked further", path, owner), "",
                 fmt::format("sudo -u {} vernemq doctor", owner)});
        }
        return;
    }
    const std::string& store = subject.config.node().store_dir;
    const auto messages = store.empty() ? std::nullopt : system.file(store);
    if (!messages || messages->owner == facts->owner) return;
    const std::string broker = system.user_name(messages->owner);
    findings.push_back(
        {Severity::Warning, "folders",
         fmt::format("{} belongs to {}, the message store to {}", path,
                     system.user_name(facts->owner), broker),
         "A broker that ran as another user has left it; the right one may not be able to write "
         "it.",
         fmt::format("chown {} {}", broker, path)});
}

/// Of MQTT, HTTPS and all others.
struct TlsListener {
    std::string name;  // as in the configuration
    transport::TlsOptions tls;
};

std::vector<TlsListener> tls_listeners(const Subject& subject) {
    std::vector<TlsListener> all;
    for (const auto& listener : subject.broker.options.listeners) {
        if (!listener.tls) continue;
        all.push_back({fmt::format("listener.{}.{}", broker::word_of(listener.kind), listener.name),
                       *listener.tls});
    }
    for (const auto& listener : admin::http_from_config(subject.config).options.listeners) {
        if (!listener.tls) continue;
        all.push_back(
            {fmt::format("listener.{}.{}", listener.type(), listener.name), *listener.tls});
    }
    return all;
}

struct SecretFile {
    std::string path;
    std::string holds;
    Severity severity;
};

std::vector<SecretFile> secret_files(const Subject& subject) {
    std::vector<SecretFile> files;
    for (const TlsListener& listener : tls_listeners(subject)) {
        const auto add_key = [&files](const transport::TlsKeyPairFiles& pair) {
            const std::string& path = pair.keyfile.empty() ? pair.certfile : pair.keyfile;
            if (path.empty()) return;
            // A key that needs a password is of no use to others.
            files.push_back({path, "a private key",
                             pair.keypasswd.empty() ? Severity::Problem : Severity::Warning});
        };
        add_key(listener.tls.certificate);
        for (const auto& pair : listener.tls.more_certificates) add_key(pair);
        if (listener.tls.psk_support) {
            files.push_back({listener.tls.pskfile, "pre-shared keys", Severity::Problem});
        }
    }
    for (const auto& plugin : subject.config.plugins().enabled) {
        if (plugin.name != "vmq_passwd") continue;
        files.push_back(
            {subject.config.plugins().password_file, "hashes of passwords", Severity::Problem});
    }
    const bool secrets_in_file = std::any_of(
        subject.config.listeners().begin(), subject.config.listeners().end(),
        [](const config::ListenerSettings& each) { return !each.tls.keypasswd.empty(); });
    if (subject.file && (secrets_in_file || !subject.config.graphite().graphite_api_key.empty())) {
        files.push_back({*subject.file, "passwords", Severity::Warning});
    }
    return files;
}

std::string date_of(transport::WallTime time) {
    const auto days = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(days);
    return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

void check_dates(const Subject& subject, const transport::CertificateInfo& certificate,
                 const std::string& listener, Findings& findings) {
    const auto now = subject.system.now();
    const std::string title =
        certificate.common_name.empty() ? certificate.file : certificate.common_name;
    const std::string renew =
        fmt::format("put a new one into {}; the broker takes it over by itself", certificate.file);
    if (certificate.not_after <= now) {
        findings.push_back({Severity::Problem, "certificates",
                            fmt::format("{}: the certificate of {} expired on {}", listener, title,
                                        date_of(certificate.not_after)),
                            "Clients that check it do not connect.", renew});
    } else if (certificate.not_before > now) {
        findings.push_back({Severity::Problem, "certificates",
                            fmt::format("{}: the certificate of {} is not valid before {}",
                                        listener, title, date_of(certificate.not_before)),
                            "Clients that check it do not connect; or the clock is wrong.", renew});
    } else if (certificate.not_after <= now + std::chrono::days(subject.days)) {
        const auto left =
            std::chrono::duration_cast<std::chrono::days>(certificate.not_after - now).count();
        findings.push_back({Severity::Warning, "certificates",
                            fmt::format("{}: the certificate of {} expires on {}, in {} days",
                                        listener, title, date_of(certificate.not_after), left),
                            "Then clients that check it do not connect.", renew});
    } else {
        findings.push_back(
            {Severity::Ok, "certificates",
             fmt::format("{}: {} until {}", listener, title, date_of(certificate.not_after)), "",
             ""});
    }
}

/// The first file of `options` that is there and not for our eyes; empty: none.
std::string not_for_us(const Subject& subject, const transport::TlsOptions& options) {
    for (const std::string& path :
         {options.certificate.certfile, options.certificate.keyfile, options.cafile,
          options.crlfile, options.psk_support ? options.pskfile : std::string()}) {
        if (path.empty()) continue;
        const auto facts = subject.system.file(path);
        if (facts && !facts->readable && facts->owner != subject.system.user()) return path;
    }
    return {};
}

}  // namespace

void check_disk(const Subject& subject, Findings& findings) {
    const std::string& store = subject.config.node().store_dir;
    if (store.empty()) {
        findings.push_back({Severity::Note, "disk", "there is no message store",
                            "Sessions and messages end with the process.",
                            "vmq_generic_msg_store.store_dir = /var/lib/vernemq/msgstore"});
    } else {
        check_volume(subject, store, "message store", true, findings);
    }
    const auto where = subject.config.log().console;
    if (where == config::LogDestination::File || where == config::LogDestination::Both) {
        check_volume(subject, log_folder(subject), "log", false, findings);
    }
}

void check_folders(const Subject& subject, Findings& findings) {
    const std::size_t before = findings.size();
    const std::string& store = subject.config.node().store_dir;
    if (!store.empty()) check_folder(subject, store, "messages", findings);
    for (const std::string& path : log_files(subject)) check_log_file(subject, path, findings);
    if (findings.size() == before) {
        findings.push_back({Severity::Ok, "folders", "owners and permissions fit", "", ""});
    }
}

void check_secret_files(const Subject& subject, Findings& findings) {
    std::set<std::string> seen;
    for (const SecretFile& each : secret_files(subject)) {
        if (!seen.insert(each.path).second) continue;
        const auto facts = subject.system.file(each.path);
        if (!facts) continue;  // told by who needs it
        if ((facts->mode & (kOthersRead | kOthersWrite)) != 0) {
            findings.push_back({each.severity, "secrets",
                                fmt::format("everybody on this machine may {} {} ({:04o})",
                                            (facts->mode & kOthersRead) != 0 ? "read" : "write",
                                            each.path, facts->mode & 07777),
                                fmt::format("It holds {}.", each.holds),
                                fmt::format("chmod o-rwx {}", each.path)});
        } else {
            findings.push_back(
                {Severity::Ok, "secrets", each.path + " is not for everybody", "", ""});
        }
    }
}

void check_certificates(const Subject& subject, Findings& findings) {
    for (const auto& [name, tls] : tls_listeners(subject)) {
        if (const std::string path = not_for_us(subject, tls); !path.empty()) {
            findings.push_back({Severity::Note, "certificates",
                                fmt::format("{}: {} could not be read and checked", name, path), "",
                                "run it as root or as the broker's user"});
            continue;
        }
        std::vector<std::string> notices;
        const auto certificates = subject.system.load_tls(tls, notices);
        if (!certificates) {
            findings.push_back({Severity::Problem, "certificates",
                                fmt::format("{}: {}", name, certificates.error().detail),
                                "The broker does not start with it.",
                                fmt::format("correct the files of {}", name)});
            continue;
        }
        for (const auto& certificate : certificates.value()) {
            check_dates(subject, certificate, name, findings);
        }
        for (const std::string& notice : notices) {
            findings.push_back(
                {Severity::Note, "certificates", fmt::format("{}: {}", name, notice), "", ""});
        }
    }
}

}  // namespace vmq::doctor
