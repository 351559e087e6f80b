// Writes the manual pages into a folder, at build time.
#include <fmt/core.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "man_pages/pages.h"

int main(int argc, char** argv) {
    if (argc != 2) {
        fmt::print(stderr, "Usage: vmq_man_pages FOLDER\n");
        return 1;
    }
    for (const auto& page : vmq::man_pages::pages()) {
        const auto path = std::filesystem::path(argv[1]) / page.file;
        std::ofstream file(path, std::ios::binary);
        file << page.text;
        file.close();
        if (!file) {
            fmt::print(stderr, "vmq_man_pages: {} cannot be written\n", path.string());
            return 1;
        }
    }
    return 0;
}
