#include "page_store.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "bytes.h"
#include "check.h"
#include "checksum.h"
#include "sha256.h"

namespace blocksight {
namespace {

namespace fs = std::filesystem;

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "blocksight-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }
  fs::path pages() const { return fs::path(path_) / "v1"; }
  std::vector<std::string> files() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(pages()))
      out.push_back(entry.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  std::string path_;
};

PageKey key(int n) {
  PageKey out{};
  out[0] = static_cast<uint8_t>(n);
  out[1] = static_cast<uint8_t>(n >> 8);
  out[31] = 1;
  return out;
}

std::vector<std::byte> content(int n, size_t size) {
  std::vector<std::byte> out(size);
  uint32_t state = static_cast<uint32_t>(n) * 2654435761u + 1;
  for (std::byte& byte : out) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<std::byte>(state >> 24);
  }
  return out;
}

constexpr size_t kIndex = 3000, kKv = 20000;
constexpr uint64_t kFile = 4096 + 4096 + kKv;
constexpr uint64_t kRoomy = uint64_t{1} << 30;

void save(PageStore& store, int n) { store.save(key(n), content(n, kIndex), content(~n, kKv)); }

// Whether page n is there; what is there must be right.
bool load(PageStore& store, int n) {
  std::vector<std::byte> index(kIndex), kv(kKv);
  if (!store.load(key(n), index, kv)) return false;
  CHECK(index == content(n, kIndex) && kv == content(~n, kKv));
  return true;
}

fs::path only_file(const Folder& folder) { return folder.pages() / folder.files().at(0); }

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

TEST("the page store gives back what was saved, also to the next process") {
  const Folder folder;
  {
    const auto store = PageStore::open(folder.path(), kRoomy);
    CHECK(!store->contains(key(1)));
    CHECK(!load(*store, 1));
    save(*store, 1);
    save(*store, 1);
    CHECK(load(*store, 1));
    CHECK_EQ(store->bytes(), kFile);
  }
  const auto store = PageStore::open(folder.path(), kRoomy);
  CHECK(store->contains(key(1)));
  CHECK(load(*store, 1));
  CHECK(!load(*store, 2));
  store->clear();
  CHECK(!store->contains(key(1)));
  CHECK_EQ(folder.files().size(), size_t{0});
}

TEST("the page store is private") {
  const Folder folder;
  const mode_t before = ::umask(0);
  const auto store = PageStore::open(folder.path() + "/a/b", kRoomy);
  save(*store, 1);
  ::umask(before);
  const auto mode = [](const fs::path& path) {
    struct stat info {};
    ::lstat(path.c_str(), &info);
    return static_cast<unsigned>(info.st_mode & 0777);
  };
  const fs::path pages = fs::path(folder.path()) / "a/b/v1";
  CHECK_EQ(mode(pages), 0700u);
  CHECK_EQ(mode(fs::directory_iterator(pages)->path()), 0600u);
  fs::permissions(pages, fs::perms::all);
  PageStore::open(folder.path() + "/a/b", kRoomy);
  CHECK_EQ(mode(pages), 0700u);
}

TEST("a page store that cannot be created is an error") {
  const Folder folder;
  write_file(folder.path() + "/file", "");
  CHECK_THROWS(PageStore::open(folder.path() + "/file/store", kRoomy), BS_UNREADABLE,
               "cannot create");
}

TEST("a flipped byte in any region of a page is found and the page removed") {
  const Folder folder;
  const auto store = PageStore::open(folder.path(), kRoomy);
  save(*store, 1);
  const fs::path path = only_file(folder);
  const std::string good = read_file(path);
  CHECK_EQ(good.size(), kFile);
  // The header and its one checksum of KV byte by byte; then positions in both parts, their first and last bytes among them.
  std::vector<size_t> places;
  for (size_t i = 0; i < 96; i++) places.push_back(i);
  for (size_t i = 4096; i < 4096 + kIndex; i += 97) places.push_back(i);
  for (size_t i = 8192; i < kFile; i += 997) places.push_back(i);
  places.insert(places.end(), {4096 + kIndex - 1, kFile - 1});
  for (const size_t place : places) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x10);
    write_file(path, bad);
    CHECK(!load(*store, 1));
    CHECK(!fs::exists(path));
  }
  // Padding is never read.
  for (const size_t place : {size_t{96}, size_t{4095}, size_t{4096 + kIndex}, size_t{8191}}) {
    std::string padded = good;
    padded[place] = 'x';
    write_file(path, padded);
    CHECK(load(*store, 1));
  }
}

// In a header of 88 bytes, a list of four checksums, the index part and four pieces of 5,000 bytes.
TEST("pieces of a page are read and checked one by one, also when the page was evicted meanwhile") {
  const Folder folder;
  constexpr size_t kPieces = 4, kPiece = kKv / kPieces;
  const auto store = PageStore::open(folder.path(), kRoomy);
  const std::vector<std::byte> index = content(1, kIndex), kv = content(~1, kKv);
  std::vector<std::byte> front(kIndex), piece(kPiece);
  const auto right = [&](size_t at) {
    return std::memcmp(piece.data(), kv.data() + at * kPiece, kPiece) == 0;
  };
  store->save(key(1), index, kv, kPieces);
  const fs::path path = only_file(folder);
  const std::string good = read_file(path);
  CHECK_EQ(good.size(), kFile);
  for (size_t broken = 0; broken < kPieces; broken++) {
    std::string bad = good;
    const size_t at = 8192 + broken * kPiece + broken * 1666;  // first, middle and last bytes
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write_file(path, bad);
    const auto stored = store->open_page(key(1), front, kKv, kPieces);
    CHECK(stored && front == index);
    for (size_t i = 0; i < kPieces; i++) {
      stored->announce(i);
      CHECK(fs::exists(path) == (i <= broken));
      CHECK_EQ(stored->read(i, piece), i != broken);
      CHECK(i == broken || right(i));
    }
    CHECK(!fs::exists(path));
  }
  for (size_t place = 0; place < 88 + kPieces * 8; place++) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x10);
    write_file(path, bad);
    CHECK(!store->open_page(key(1), front, kKv, kPieces));
    CHECK(!fs::exists(path));
  }
  for (const size_t pieces : {size_t{1}, size_t{2}, size_t{5}}) {  // not those that it was saved in
    write_file(path, good);
    CHECK(!store->open_page(key(1), front, kKv, pieces));
  }
  write_file(path, good);
  store->announce(key(1), kIndex, kPieces);
  store->announce(key(2), kIndex, kPieces);
  const auto stored = store->open_page(key(1), front, kKv, kPieces);
  PageStore::open(folder.path(), kRoomy)->clear();
  CHECK(stored->read(2, piece) && right(2));
  fs::remove_all(folder.pages());
  CHECK(stored->read(3, piece) && right(3));
}

TEST("pages take half of the files that a process may have open, and no more") {
  const Folder folder;
  const auto store = PageStore::open(folder.path(), kRoomy);
  for (int n = 0; n < 4; n++) save(*store, n);
  struct rlimit before {};
  CHECK_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = 40;
  std::vector<std::byte> index(kIndex);
  std::vector<std::unique_ptr<StoredKv>> opened;
  CHECK_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  while (store->has_room_to_open() && opened.size() < 40) {
    opened.push_back(store->open_page(key(static_cast<int>(opened.size() % 4)), index, kKv, 1));
  }
  const bool can_load = load(*store, 1);  // which opens a page for a moment
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK_EQ(opened.size(), size_t{20});
  CHECK(opened.back() && can_load);
  opened.pop_back();
  ::setrlimit(RLIMIT_NOFILE, &few);
  const bool has_room = store->has_room_to_open();
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(has_room);
}

TEST("a page that is cut while it is open is broken, and no crash") {
  const Folder folder;
  const auto store = PageStore::open(folder.path(), kRoomy);
  store->save(key(1), content(1, kIndex), content(~1, kKv), 4);
  std::vector<std::byte> index(kIndex), piece(kKv / 4);
  const auto stored = store->open_page(key(1), index, kKv, 4);
  fs::resize_file(only_file(folder), 8192 + kKv / 4);
  CHECK(stored->read(0, piece));
  CHECK(!stored->read(1, piece));
}

TEST("a page of another version is removed, and saved anew") {
  const Folder folder;
  const auto store = PageStore::open(folder.path(), kRoomy);
  save(*store, 1);
  const fs::path path = only_file(folder);
  const std::string good = read_file(path);
  // Everything else of the header is right, its checksum too.
  std::string old = good;
  CHECK_EQ(old[8], 3);
  old[8] = 2;
  const uint64_t checksum = checksum64(old.data(), 80);
  std::memcpy(old.data() + 80, &checksum, sizeof checksum);
  write_file(path, old);
  CHECK(!load(*store, 1));
  CHECK(!fs::exists(path));
  save(*store, 1);
  CHECK(read_file(path) == good);
  CHECK(load(*store, 1));
}

TEST("a page that is cut, grown, empty, renamed or no file is removed") {
  const Folder folder;
  const auto store = PageStore::open(folder.path(), kRoomy);
  save(*store, 1);
  const fs::path path = only_file(folder);
  const std::string good = read_file(path);
  for (const std::string& bad : {std::string(), good.substr(0, 50), good.substr(0, 4096),
                                 good.substr(0, good.size() - 1), good + "x"}) {
    write_file(path, bad);
    CHECK(!load(*store, 1));
    CHECK(!fs::exists(path));
  }
  write_file(folder.pages() / (hex(key(2)) + ".page"), good);
  CHECK(!load(*store, 2));
  write_file(folder.path() + "/elsewhere", good);
  fs::create_symlink(folder.path() + "/elsewhere", path);
  CHECK(!load(*store, 1));
  CHECK(fs::exists(folder.path() + "/elsewhere"));
  fs::remove(path);
  save(*store, 1);
  std::vector<std::byte> index(kIndex + 1), kv(kKv);
  CHECK(!store->load(key(1), index, kv));
  CHECK(!store->contains(key(1)));
}

TEST("a full disk is an error that leaves nothing behind, at whichever step it shows") {
  const Folder folder;
  int countdown = -1;
  PageStoreHooks hooks;
  hooks.write_bytes = 4096;
  hooks.before = [&](const char*) { return countdown-- == 0 ? ENOSPC : 0; };
  const auto store = PageStore::open(folder.path(), kRoomy, hooks);
  int steps = 0;
  for (;; steps++) {
    countdown = steps;
    const auto error = thrown([&] { save(*store, 1); });
    if (!error) break;
    CHECK_EQ(error->status(), BS_DISK_FULL);
    CHECK(std::string(error->what()).find("no room") != std::string::npos);
    CHECK_EQ(folder.files().size(), size_t{0});
  }
  CHECK(steps > 8);
  CHECK(load(*store, 1));
}

TEST("the store comes back when its folder is removed under it") {
  const Folder folder;
  const auto store = PageStore::open(folder.path(), kRoomy);
  fs::remove_all(folder.pages());
  save(*store, 1);
  CHECK(load(*store, 1));
}

TEST("a store at its limit removes the pages used longest ago") {
  const Folder folder;
  const uint64_t limit = 10 * kFile;
  const auto store = PageStore::open(folder.path(), limit);
  for (int n = 0; n < 10; n++) save(*store, n);
  CHECK_EQ(store->bytes(), limit);
  CHECK(load(*store, 0));  // now the last used
  save(*store, 10);
  CHECK(store->bytes() <= limit);
  CHECK(load(*store, 0));
  CHECK(load(*store, 10));
  CHECK(!store->contains(key(1)));
  for (int n = 11; n < 60; n++) {
    save(*store, n);
    CHECK(store->bytes() <= limit);
    CHECK(load(*store, n));
  }
  const auto small = PageStore::open(folder.path(), kFile - 1);
  save(*small, 99);
  CHECK(!small->contains(key(99)));
}

// Runs `body` in a child; true where it ended with exit(0).
template <typename Body>
pid_t child(Body body) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  body();
  ::_exit(0);
}

int wait_for(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

TEST("a writer killed at any of 200 steps leaves a store that works") {
  const Folder folder;
  constexpr size_t kLarge = 97 * 4096;  // 1 + 97 + 97 writes and five other steps: 200
  int steps = 0, killed = 0;
  for (bool finished = false; !finished; steps++) {
    const int status = wait_for(child([&] {
      int countdown = steps;
      PageStoreHooks hooks;
      hooks.write_bytes = 4096;
      hooks.before = [&](const char*) {
        if (countdown-- == 0) ::raise(SIGKILL);
        return 0;
      };
      // The limit is that of one page, so that the step before the first is an eviction.
      const auto store = PageStore::open(folder.path(), 3 * 4096 + 2 * kLarge, hooks);
      store->save(key(steps), content(1, kLarge), content(2, kLarge));
    }));
    finished = WIFEXITED(status);
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    const auto store = PageStore::open(folder.path(), kRoomy);
    for (const std::string& name : folder.files()) CHECK(name.ends_with(".page"));
    std::vector<std::byte> index(kLarge), kv(kLarge);
    const bool there = store->load(key(steps), index, kv);
    CHECK_EQ(there, finished);
    if (there) CHECK(index == content(1, kLarge) && kv == content(2, kLarge));
    if (!finished && folder.files().empty()) save(*store, 1000);  // something to evict
  }
  CHECK(killed >= 199);
}

TEST("a temporary file is left alone while its writer lives") {
  const Folder folder;
  int ready[2], go[2];
  CHECK(::pipe(ready) == 0 && ::pipe(go) == 0);
  const pid_t pid = child([&] {
    PageStoreHooks hooks;
    hooks.before = [&](const char* step) {
      char byte = 0;
      if (std::string(step) == "rename")
        (void)!(::write(ready[1], "x", 1) + ::read(go[0], &byte, 1));
      return 0;
    };
    save(*PageStore::open(folder.path(), kRoomy, hooks), 7);
  });
  char byte = 0;
  CHECK_EQ(::read(ready[0], &byte, 1), ssize_t{1});
  const auto store = PageStore::open(folder.path(), kRoomy);
  CHECK_EQ(folder.files().size(), size_t{1});
  CHECK_EQ(::write(go[1], "x", 1), ssize_t{1});
  CHECK_EQ(wait_for(pid), 0);
  CHECK(load(*store, 7));
  for (const int fd : {ready[0], ready[1], go[0], go[1]}) ::close(fd);
}

TEST("processes and threads that share a store near its limit never read a wrong page") {
  const Folder folder;
  const auto work = [&](int seed, int rounds) {
    const auto store = PageStore::open(folder.path(), 24 * kFile);
    bool right = true;
    uint32_t state = static_cast<uint32_t>(seed);
    const auto once = [&](uint32_t pick) {
      const int n = static_cast<int>(pick % 40);
      std::vector<std::byte> index(kIndex), kv(kKv);
      if (store->load(key(n), index, kv)) {
        if (index != content(n, kIndex) || kv != content(~n, kKv)) right = false;
      } else {
        save(*store, n);
      }
    };
    std::thread other([&] {
      for (int i = 0; i < rounds; i++) once(static_cast<uint32_t>(i * 13 + seed));
    });
    for (int i = 0; i < rounds; i++) once((state = state * 1664525u + 1013904223u) >> 8);
    other.join();
    return right;
  };
  std::vector<pid_t> pids;
  for (int seed = 1; seed <= 3; seed++)
    pids.push_back(child([&, seed] { ::_exit(work(seed, 300) ? 0 : 1); }));
  for (const pid_t pid : pids) CHECK_EQ(wait_for(pid), 0);
  const auto store = PageStore::open(folder.path(), 24 * kFile);
  for (const std::string& name : folder.files()) CHECK(name.ends_with(".page"));
  save(*store, 100);
  CHECK(store->bytes() <= 28 * kFile);
}

}  // namespace
}  // namespace blocksight
