// The machine this program runs on.
#pragma once

#include <string>
#include <vector>

#include "doctor/system.h"

namespace vmq::doctor {

class RealSystem final : public System {
public:
    std::optional<std::string> read(const std::string& path) const override;
    std::optional<FileFacts> file(const std::string& path) const override;
    std::optional<Volume> volume(const std::string& path) const override;
    std::vector<std::string> list(const std::string& folder) const override;
    FileLimit file_limit() const override;
    uid_t user() const override;
    std::string user_name(uid_t user) const override;
    transport::WallTime now() const override;
    std::optional<bool> clock_synchronised() const override;
    PortUse port(const std::string& address, std::uint16_t port) const override;
    std::vector<Process> processes() const override;
    Result<std::vector<transport::CertificateInfo>> load_tls(
        const transport::TlsOptions& options, std::vector<std::string>& notices) const override;
    std::vector<Library> libraries() const override;

private:
    /// Who listens at the port, for the message.
    [[nodiscard]] std::string holder_of(std::uint16_t port) const;
};

}  // namespace vmq::doctor
