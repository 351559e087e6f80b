#include "vmq-admin/remote.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "admin/commands/wire.h"

namespace vmq::admin_tool {
namespace {

bool send_all(int socket, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

}  // namespace

int run_remotely(int socket, const std::vector<std::string>& words, bool terminal, std::FILE* out,
                 std::FILE* err, Interruption* interruption, std::string_view last) {
    using admin::commands::AnswerReader;
    if (!send_all(socket, admin::commands::encode(admin::commands::Request{words, terminal}))) {
        return -1;
    }
    AnswerReader answer;
    std::array<char, 65536> buffer{};
    while (!answer.status()) {
        if (interruption != nullptr && !interruption->wait_for(socket)) {
            if (!last.empty()) std::fwrite(last.data(), 1, last.size(), out);
            std::fflush(out);
            return 0;
        }
        const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        answer.add({buffer.data(), static_cast<std::size_t>(got)});
        while (const auto piece = answer.next()) {
            if (piece->kind == 'e') std::fflush(out);  // in the order of a terminal
            std::fwrite(piece->bytes.data(), 1, piece->bytes.size(),
                        piece->kind == 'o' ? out : err);
        }
        std::fflush(out);  // what goes on is read as it comes
        if (answer.broken()) return -1;
    }
    return *answer.status();
}

}  // namespace vmq::admin_tool
